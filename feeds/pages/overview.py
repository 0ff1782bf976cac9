"""
What the page on ``/`` says: what runs, who is connected, what is stored.

The page and ``status.json`` show the same `Overview`, its values already in
the words for people, so that what a reload shows is what an update shows.
However many pages are open, a process looks once a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Count, OuterRef, Q, Subquery, Sum

from clientapp.wire.printable import printable
from clientapp.wire.request import DEFAULT_FEEDS
from feeds import show
from feeds.making import catalog
from feeds.models import BlockReport, ClientSession
from feeds.pages import health
from feeds.pages.health import Health
from feeds.pages.newest import Newest, newest
from feeds.pages.pace import SizeRow, pace, times
from feeds.pages.shared import Shared
from feeds.pages.sparklines import Sparklines, sparklines
from feeds.running.outages import OUTAGES

MOST_CLIENTS = 50
"""Clients listed; a page with thousands of rows helps nobody."""
FRESH_SECONDS = 0.9
"""How old a look may be: a page that asks every second sees each once."""
TIMES_SECONDS = 5.0
"""The same for block times, which move slowly and cost the most."""
SPARKLINES_SECONDS = 10.0
"""The same for sparklines: servers store a sample every ten seconds."""
TOTALS_REST = 20
"""The totals are shared so many times as long as it took to sum up all sessions: that takes a
twentieth of the time of the one thread for views at most. A million sessions take 0.2 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCard:
    """One feed on the page."""

    name: str
    kind: str
    rate: str
    head: str
    state: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that does not work."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """One connected client on the page."""

    id: str
    """Names its card; no secret, unlike the session's key."""
    client: str
    feeds: str
    block_size: str
    since: str
    blocks: str
    last_block: str
    """The newest block sentence; empty before the first block."""
    state: str
    """``broken`` where a block of the session is; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of all sessions that are stored."""

    sessions: int
    blocks: int
    verified: int
    broken: int
    messages: int
    plain: int
    """Blocks of plain clients, which nobody can check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page that changes."""

    health: Health
    troubles: list[Trouble]
    """What does not work at present; empty as a rule."""
    feeds: list[FeedCard]
    clients: list[ClientRow]
    """The last ones to connect, `MOST_CLIENTS` at most."""
    more: str
    """How many connected clients are not listed, as a sentence, or empty."""
    connected: str
    sessions: str
    """How many sessions there ever were, as a note."""
    rate: str
    """Messages a second of the feeds that run."""
    running: str
    """How many feeds run, as a note."""
    pace: str
    """Block reports in the last minute."""
    pace_note: str
    share: str
    """The verified share of the stored blocks that are not of plain clients."""
    verified: str
    """Stored blocks that hold what was sent."""
    latency: str
    latency_note: str
    blocks: str
    messages: str
    """Messages in the stored blocks."""
    broken: str
    """How many stored blocks are broken, as a sentence; empty: none is."""
    sizes: list[SizeRow]
    """Block time by feeds, rate and block size."""
    left_out: str
    """How many reports are in no figure of time, as a sentence; empty: none."""
    at: str


def overview() -> Overview:
    """Return what is so now, at most `FRESH_SECONDS` old; troubles are never old."""
    found = _OVERVIEW.get()
    sentences = OUTAGES.sentences(detailed=settings.DEBUG)
    states = {feed.name: feed.state for feed in found.feeds}
    return replace(
        found,
        health=health.health(states, broken=found.broken, troubles=sentences),
        troubles=[Trouble(text=text) for text in sentences],
    )


def drawn(known: str) -> Sparklines | None:
    """Return the sparklines; None for a page that has this drawing, which it calls *known*."""
    now = _SPARKLINES.get()
    return None if now.drawn == known else now


def watched(wanted: str) -> Newest:
    """Return the end of the feed *wanted*; of the usual one where there is none of that name."""
    names = [feed.name for feed in _OVERVIEW.get().feeds]
    name = next((one for one in (wanted, *DEFAULT_FEEDS, *names) if one in names), "")
    return _WATCHED.setdefault(name, Shared(lambda: newest(name), seconds=FRESH_SECONDS)).get()


def forget() -> None:
    """Let the next who asks look again."""
    _OVERVIEW.forget()
    _TIMES.forget()
    _TOTALS.forget()
    _SPARKLINES.forget()
    _WATCHED.clear()


def _look() -> Overview:
    """Look at the feeds and sessions now; a handful of queries."""
    now_us = time.time_ns() // 1000
    online = Q(status=ClientSession.Status.ONLINE)
    connected, totals = ClientSession.objects.filter(online).count(), _TOTALS.get()
    feeds = catalog.overview(now_us)
    running = [feed.rate for feed in feeds if feed.running and feed.enabled]
    clients = _client_rows(online)
    more = connected - len(clients)
    recent, timed = pace(datetime.now(UTC)), _TIMES.get()
    return Overview(
        health=Health(state="still", word="", reason=""),
        troubles=[],
        feeds=[_feed_card(feed) for feed in feeds],
        clients=clients,
        more=f"and {more:,} more" if more > 0 else "",
        connected=f"{connected:,}",
        sessions=f"of {totals.sessions:,} sessions so far",
        rate=show.rate(sum(running)).removesuffix("/s"),
        running=f"{len(running):,} of {len(feeds):,} feeds running",
        pace=f"{recent.blocks:,.0f}",
        pace_note=f"{recent.messages:,.1f} messages/s in them",
        share=show.verified_share(totals.verified, totals.blocks, totals.plain),
        verified=f"{totals.verified:,}",
        latency=timed.latency,
        latency_note=timed.latency_note,
        blocks=f"{totals.blocks:,}",
        messages=f"{totals.messages:,}",
        broken=_broken(totals.broken),
        sizes=timed.sizes,
        left_out=timed.left_out,
        at=f"{show.moment_us(now_us)} UTC",
    )


def _sum_up() -> Totals:
    """Sum up all sessions: counting their reports would read many more rows."""
    found = ClientSession.objects.aggregate(
        sessions=Count("pk"),
        blocks=Sum("blocks", default=0),
        verified=Sum("verified", default=0),
        broken=Sum("broken", default=0),
        messages=Sum("messages", default=0),
        plain=Sum("sentences", default=0),
    )
    return Totals(**found)


def _broken(count: int) -> str:
    if not count:
        return ""
    if count == 1:
        return "1 block is broken: look at it"
    return f"{count:,} blocks are broken: look at them"


def _feed_card(feed: catalog.FeedOverview) -> FeedCard:
    return FeedCard(
        name=feed.name,
        kind=feed.kind,
        rate=show.rate(feed.rate),
        head=f"{feed.head:,}",
        state=health.state(feed),
        sentence=health.sentence(feed),
    )


def _client_rows(online: Q) -> list[ClientRow]:
    newest = BlockReport.objects.filter(session=OuterRef("pk")).order_by("-number")
    sessions = (
        ClientSession.objects.filter(online)
        .order_by("-connected_at")
        .annotate(last_block=Subquery(newest.values("text")[:1]))[:MOST_CLIENTS]
    )
    return [
        ClientRow(
            id=f"{session.pk}",
            client=session.client,
            feeds=session.feeds.replace(" ", ", "),
            block_size=f"{session.block_size:,}" if session.block_size else show.UNKNOWN,
            since=show.moment(session.connected_at),
            blocks=f"{session.blocks:,}"
            + (f", {session.broken:,} broken" if session.broken else ""),
            state="broken" if session.broken else "",
            last_block=printable(session.last_block or ""),
        )
        for session in sessions
    ]


_OVERVIEW = Shared(_look, seconds=FRESH_SECONDS)
_TIMES = Shared(times, seconds=TIMES_SECONDS)
_TOTALS = Shared(_sum_up, rest=TOTALS_REST)
_SPARKLINES = Shared(sparklines, seconds=SPARKLINES_SECONDS)
_WATCHED: dict[str, Shared[Newest]] = {}
"""By feed; as many as there are feeds, which are few."""
