"""
Admission: turns a connection's request into its start positions, or refuses it.

Checks that need the database are skipped while it is unavailable, so that existing
feeds are still served. All other checks are always made.
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
from feeds.core.hub import Hub
from feeds.core.keys import stored_key
from feeds.core.limits import Limits
from feeds.core.start import is_of, start
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.running.worker import Worker
from feeds.serving.refusal import Forbidden, TooMany, Unavailable
from feeds.storing import sessions

log = logging.getLogger(__name__)

_UNKNOWN = "feed {} does not reach the requested offset here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request that was granted."""

    key: str
    """The stored form of the session's key."""
    cursors: dict[str, int]
    """Per feed, the offset after which the session starts or resumes."""
    welcome: Welcome
    notices: tuple[str, ...]
    """Sentences about feeds that are not running."""
    gaps: tuple[Gap, ...]
    """Gaps to send before the session's first message."""


class Admissions:
    """Admits connections to one server process."""

    def __init__(
        self, limits: Limits, hub: Hub, feeds: LiveFeeds, intake: Intake, lookups: Worker
    ) -> None:
        """Look sessions up in *lookups*; let *intake* read feeds and offsets not known yet."""
        self._limits = limits
        self._hub = hub
        self._feeds = feeds
        self._intake = intake
        self._lookups = lookups

    async def admit(self, request: Request) -> Admission:
        """Grant *request*; raises Refusal. Its place is not given away before the next await."""
        self._ensure_room()
        secret = request.session or secrets.token_urlsafe(16)
        key = stored_key(secret)
        blocks = await self._stored_blocks(request, key) if request.session else 0
        await self._ensure_known(request)
        await self._ensure_here(request)
        self._ensure_room()
        cursors, gaps, states, notices = {}, [], {}, []
        positions = self._positions(request)
        for name in request.feeds:
            feed = self._feeds[name]
            diagnosis = feed.known.diagnosis()
            after = positions.get(name)
            at, gap = start(
                name,
                feed.epoch_at,
                feed.head,
                after,
                rolled_back=after is not None and feed.is_rolled_back(after.offset, after.at),
            )
            cursors[name] = at.offset
            if gap is not None:
                gaps.append(gap)
            states[name] = FeedState(
                epoch=at.epoch,
                offset=at.offset,
                head=feed.head,
                rate=feed.known.rate,
                running=diagnosis.is_running,
                fields=feed.known.fields,
            )
            if not states[name].running:
                notices.append(diagnosis.sentence)
        welcome = Welcome(
            session=secret,
            feeds=states,
            blocks=blocks,
            limits={"block_size": MAX_BLOCK_SIZE, "frame_bytes": self._limits.frame_bytes},
            heartbeat=self._limits.heartbeat_seconds,
        )
        return Admission(
            key=key, cursors=cursors, welcome=welcome, notices=tuple(notices), gaps=tuple(gaps)
        )

    def _ensure_room(self) -> None:
        if len(self._hub.subscribers) >= self._limits.connections:
            raise TooMany(f"this server has {self._limits.connections} connections, its limit")

    async def _stored_blocks(self, request: Request, key: str) -> int:
        """Return the session's highest stored block; check that feeds and block size match."""
        try:
            async with asyncio.timeout(self._limits.database_seconds):
                known = await self._lookups.run(sessions.find, key)
        except Exception as error:  # noqa: BLE001  any error: serve the feed
            log.warning("the database does not answer (%s); a session is served unchecked", error)
            return 0
        if known is None:
            return 0
        if (set(known.feeds), known.block_size) != (set(request.feeds), request.block_size):
            raise Forbidden(
                f"session {key_prefix(key)} collects blocks of {known.block_size} from "
                f"{' and '.join(known.feeds)}; start a new session for anything else"
            )
        return known.blocks

    async def _ensure_known(self, request: Request) -> None:
        """Make sure that the feeds, and the positions in them, are known here."""
        answered = True
        if self._strangers(request) or self._rolled_back(request):
            answered = await self._intake.look_again()
        strangers, rolled_back = self._strangers(request), self._rolled_back(request)
        if not answered and (strangers or rolled_back):
            raise Unavailable(_UNKNOWN.format((strangers or rolled_back)[0]))
        if strangers:
            here = self._feeds.names()
            raise Forbidden(
                f"feed={strangers[0]!r} is not a feed here; there "
                + (f"are: {', '.join(here)}" if here else "is none")
            )
        if request.first is not None and rolled_back:
            name = rolled_back[0]
            end = self._feeds[name].end
            raise Forbidden(f"from={request.first} lies ahead of {name}, which ends at {end}")

    async def _ensure_here(self, request: Request) -> None:
        """
        Make sure that this process has sent at least as much as the session has.

        Another process may have sent messages that this one has not received yet.
        Starting before them would send them twice.
        """
        for name, after in self._positions(request).items():
            feed = self._feeds[name]
            if feed.is_rolled_back(after.offset, after.at):
                continue
            if after.offset > feed.head and is_of(feed.epoch_at, after):
                await self._intake.reach(name, after.offset)
                if after.offset > feed.head:
                    raise Unavailable(_UNKNOWN.format(name))

    def _strangers(self, request: Request) -> list[str]:
        """Return the feeds of *request* that are unknown here or were removed."""
        found = {name: self._feeds.get(name) for name in request.feeds}
        return [name for name, feed in found.items() if feed is None or feed.known.removed]

    def _rolled_back(self, request: Request) -> list[str]:
        """Return the feeds that, as known here, lack the message at the requested position."""
        found = {name: self._feeds.get(name) for name in request.feeds}
        positions = self._positions(request)
        return [
            name
            for name, feed in found.items()
            if feed is not None
            and name in positions
            and feed.is_rolled_back(positions[name].offset, positions[name].at)
        ]

    def _positions(self, request: Request) -> Mapping[str, Position]:
        """Return the requested positions, in the epochs known now; other feeds start live."""
        if request.first is None:
            return request.after
        at = request.first - 1
        found = {name: self._feeds.get(name) for name in request.feeds}
        return {
            name: Position(feed.epoch_at(max(at, 1)), at)
            for name, feed in found.items()
            if feed is not None
        }
