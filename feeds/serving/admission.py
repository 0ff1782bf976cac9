"""
From what a connection asks for to where it starts, or a refusal.

What can be checked without the database is checked always; what needs it is
left out while it is away, so that an existing feed is served all the same.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from clientapp.wire.from_server import Gap
from clientapp.wire.names import MAX_BLOCK_SIZE, key_prefix
from clientapp.wire.position import Position
from clientapp.wire.request import Request
from clientapp.wire.welcome import FeedState, Welcome
from feeds.core.start import is_of, start
from feeds.running.clock import now_us
from feeds.serving.node import Node
from feeds.serving.refusal import Forbidden, TooMany, Unavailable
from feeds.storing import ledger

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that was granted."""

    key: str
    """The session's key."""
    cursors: dict[str, int]
    """Per feed the offset that the session has, or starts after."""
    gaps: tuple[Gap, ...]
    """What the session must be told before its first message."""
    welcome: Welcome


async def admit(node: Node, request: Request) -> Admission:
    """Grant *request*; raises Refusal. Until the next await there is room for it."""
    _ensure_room(node)
    key = request.session or secrets.token_urlsafe(16)
    blocks = await _stored_blocks(node, request, request.session) if request.session else 0
    await _ensure_known(node, request)
    await _ensure_here(node, request)
    _ensure_room(node)
    cursors, gaps, states = {}, [], {}
    positions = _positions(node, request)
    now = now_us()
    for name in request.feeds:
        feed = node.catalog.feeds[name]
        head = node.hub.streams[name].head
        at, gap = start(name, feed.epoch_at, head, positions.get(name))
        cursors[name] = at.offset
        if gap is not None:
            gaps.append(gap)
        states[name] = FeedState(
            epoch=at.epoch,
            offset=at.offset,
            head=head,
            rate=feed.rate,
            running=feed.running(now),
            fields=feed.fields,
        )
    welcome = Welcome(
        session=key,
        feeds=states,
        blocks=blocks,
        limits={"block_size": MAX_BLOCK_SIZE, "frame_bytes": node.limits.frame_bytes},
        heartbeat=node.limits.heartbeat_seconds,
    )
    return Admission(key=key, cursors=cursors, gaps=tuple(gaps), welcome=welcome)


def _ensure_room(node: Node) -> None:
    if len(node.hub.subscribers) >= node.limits.connections:
        raise TooMany(node.limits.connections)


async def _stored_blocks(node: Node, request: Request, key: str) -> int:
    """Return the session's highest stored block; checks what is fixed."""
    try:
        async with asyncio.timeout(node.limits.database_seconds):
            known = await node.lookups.run(ledger.find_session, key)
    except Exception as error:  # noqa: BLE001  whatever it is, the feed is served
        log.warning("the database does not answer (%s); a session is not looked up", error)
        return 0
    if known is None:
        return 0
    if (set(known.feeds), known.block_size) != (set(request.feeds), request.block_size):
        raise Forbidden(
            f"session {key_prefix(key)} collects blocks of {known.block_size} from "
            f"{' and '.join(known.feeds)}; start a new session for anything else"
        )
    return known.blocks


async def _ensure_known(node: Node, request: Request) -> None:
    """Make sure that the feeds, and the positions in them, are known here."""

    def strangers() -> list[str]:
        feeds = node.catalog.feeds
        return [
            name
            for name in request.feeds
            if name not in node.hub.streams or name not in feeds or feeds[name].removed
        ]

    def ahead() -> list[str]:
        feeds = node.catalog.feeds
        return [
            name
            for name, at in _positions(node, request).items()
            if name in feeds and at.offset > _end(node, name)
        ]

    if strangers() or ahead():
        await node.look_again()
    if not node.reachable and (strangers() or ahead()):
        raise Unavailable(f"{(strangers() or ahead())[0]} is not known here as far as asked for")
    if strangers():
        here = sorted(name for name, feed in node.catalog.feeds.items() if not feed.removed)
        raise Forbidden(
            f"feed={strangers()[0]!r} is not a feed here; there "
            + (f"are: {', '.join(here)}" if here else "is none")
        )
    for name in ahead():
        if request.first is not None:
            raise Forbidden(
                f"from={request.first} lies ahead of {name}, which ends at {_end(node, name)}"
            )
        raise Forbidden(
            f"after={name}:…:{request.after[name].offset} lies ahead of the feed, "
            f"which ends at {_end(node, name)}; what another server or database sent "
            "cannot go on here, only in a new log"
        )


async def _ensure_here(node: Node, request: Request) -> None:
    """
    Make sure that this process has sent as much as the session has.

    Another process may have sent what this one has not heard of yet: to start
    behind it would be to send it twice.
    """
    for name, after in _positions(node, request).items():
        stream = node.hub.streams[name]
        feed = node.catalog.feeds[name]
        if after.offset > stream.head and is_of(feed.epoch_at, after):
            await node.intake.reach(name, after.offset)
            if after.offset > stream.head:
                raise Unavailable(f"{name} is not known here as far as asked for")


def _positions(node: Node, request: Request) -> Mapping[str, Position]:
    """Return per feed where the session stands, in epochs as known now; others start live."""
    if request.first is None:
        return request.after
    at, feeds = request.first - 1, node.catalog.feeds
    return {
        name: Position(feeds[name].epoch_at(max(at, 1)), at)
        for name in request.feeds
        if name in feeds
    }


def _end(node: Node, feed: str) -> int:
    """Return the last offset that this process knows to exist."""
    stream = node.hub.streams.get(feed)
    return max(node.catalog.feeds[feed].promised, stream.head if stream else 0)
