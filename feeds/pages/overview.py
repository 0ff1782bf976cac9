"""
The values on the page at ``/``: feeds, connected clients and stored blocks.

The page and ``status.json`` use the same `Overview`, whose values are already
formatted for people, so that an update looks like a reload; its `Numbers`
are for programs. A process queries the database once a second, however many
pages are open.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Count, OuterRef, Q, Subquery, Sum

from clientapp.wire.printable import printable
from clientapp.wire.request import DEFAULT_FEEDS
from feeds import show
from feeds.models import BlockReport, ClientSession
from feeds.pages import health
from feeds.pages.health import Health
from feeds.pages.newest import Newest, newest
from feeds.pages.pace import SizeRow, pace, times
from feeds.pages.shared import Shared
from feeds.pages.sparklines import Sparklines, sparklines
from feeds.running.outages import OUTAGES
from feeds.summary import FeedSummary, summaries

MOST_CLIENTS = 50
"""The most clients listed; a page with thousands of rows would be useless."""
FRESH_SECONDS = 0.9
"""Lifetime of an overview: a page that asks every second gets each once."""
TIMES_SECONDS = 5.0
"""Lifetime of block times, which change slowly and are the most expensive."""
SPARKLINES_SECONDS = 10.0
"""Lifetime of sparklines: servers store a sample every ten seconds."""
TOTALS_REST = 20
"""The totals live this many times as long as it took to sum up all sessions. So summing keeps the
only thread for views busy for at most a twentieth of its time. A million sessions take 0.2 s."""


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
    """One current problem."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """One connected client on the page."""

    id: str
    """Identifies its card; not a secret, unlike the session's key."""
    client: str
    feeds: str
    block_size: str
    since: str
    blocks: str
    last_block: str
    """The newest block sentence; empty before the first block."""
    state: str
    """``broken`` if a block of the session is broken; otherwise empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Totals of all stored sessions."""

    sessions: int
    blocks: int
    verified: int
    broken: int
    messages: int
    plain: int
    """Blocks of plain clients, which cannot be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNumbers:
    """The values of one feed as numbers."""

    rate: float
    """Messages per second."""
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The same values as numbers, for programs that read ``status.json``."""

    at_us: int
    """The time of these values, in microseconds since 1970."""
    feeds: dict[str, FeedNumbers]
    """The feeds by name."""
    rate: float
    """Messages per second of all running feeds."""
    connected: int
    sessions: int
    blocks_per_minute: float
    latency_seconds: float | None
    """Median latency; None if there is no verified block by the server's clock."""
    blocks: int
    verified: int
    broken: int
    plain: int
    """Blocks of plain clients, which cannot be checked."""
    messages: int
    """Messages in the stored blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All values on the page that change."""

    numbers: Numbers
    health: Health
    troubles: list[Trouble]
    """Current problems; normally empty."""
    feeds: list[FeedCard]
    clients: list[ClientRow]
    """The most recently connected, at most `MOST_CLIENTS`."""
    more: str
    """The number of connected clients not listed, in words, or empty."""
    connected: str
    sessions: str
    """The number of sessions so far, as a note."""
    rate: str
    """Messages per second of all running feeds."""
    running: str
    """The number of running feeds, as a note."""
    pace: str
    """Block reports in the last minute."""
    pace_note: str
    share: str
    """The verified share of the stored blocks, without blocks of plain clients."""
    verified: str
    """The number of verified blocks stored."""
    latency: str
    latency_note: str
    blocks: str
    messages: str
    """Messages in the stored blocks."""
    broken: str
    """The number of broken blocks stored, as a sentence; empty if there are none."""
    sizes: list[SizeRow]
    """Block time by feeds, rate and block size."""
    left_out: str
    """The number of reports left out of all figures of time, as a sentence, or empty."""
    at: str


def overview() -> Overview:
    """Return the overview, at most `FRESH_SECONDS` old, with the current problems."""
    found = _OVERVIEW.get()
    sentences = OUTAGES.sentences(detailed=settings.DEBUG)
    states = {feed.name: feed.state for feed in found.feeds}
    return replace(
        found,
        health=health.health(states, broken=found.broken, troubles=sentences),
        troubles=[Trouble(text=text) for text in sentences],
    )


def drawn(known: str) -> Sparklines | None:
    """Return the sparklines; None if the current drawing is *known*, the one that the page has."""
    now = _SPARKLINES.get()
    return None if now.drawn == known else now


def watched(wanted: str) -> Newest:
    """Return the newest messages of the feed *wanted*, or of a default if it does not exist."""
    names = [feed.name for feed in _OVERVIEW.get().feeds]
    name = next((one for one in (wanted, *DEFAULT_FEEDS, *names) if one in names), "")
    return _WATCHED.setdefault(name, Shared(lambda: newest(name), seconds=FRESH_SECONDS)).get()


def forget() -> None:
    """Discard all shared values, so that the next request queries again."""
    _OVERVIEW.forget()
    _TIMES.forget()
    _TOTALS.forget()
    _SPARKLINES.forget()
    _WATCHED.clear()


def _look() -> Overview:
    """Query the feeds and sessions now; takes a handful of queries."""
    now_us = time.time_ns() // 1000
    online = Q(status=ClientSession.Status.ONLINE)
    connected, totals = ClientSession.objects.filter(online).count(), _TOTALS.get()
    feeds = summaries(now_us)
    running = [feed.rate for feed in feeds if feed.running and feed.enabled]
    clients = _client_rows(online)
    more = connected - len(clients)
    recent, timed = pace(datetime.now(UTC)), _TIMES.get()
    rate = sum(running)
    return Overview(
        numbers=Numbers(
            at_us=now_us,
            feeds={feed.name: FeedNumbers(rate=feed.rate, head=feed.head) for feed in feeds},
            rate=rate,
            connected=connected,
            blocks_per_minute=recent.blocks,
            latency_seconds=timed.latency_seconds,
            **asdict(totals),
        ),
        health=Health(state="still", word="", reason=""),
        troubles=[],
        feeds=[_feed_card(feed) for feed in feeds],
        clients=clients,
        more=f"and {more:,} more" if more > 0 else "",
        connected=f"{connected:,}",
        sessions=f"of {totals.sessions:,} sessions so far",
        rate=show.rate(rate).removesuffix("/s"),
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
    """Sum up all sessions; counting reports would read many more rows."""
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


def _feed_card(feed: FeedSummary) -> FeedCard:
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
"""The newest messages by feed."""
