"""
What the page on ``/`` says: what runs, who is connected, what is stored.

The page and ``status.json`` show the same `Overview`, its values already in
the words for people, so that what a reload shows is what an update shows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, Subquery, Sum

from clientapp.wire.printable import printable
from feeds import show
from feeds.live import catalog
from feeds.live.troubles import TROUBLES
from feeds.models import BlockReport, ClientSession

MOST_CLIENTS = 50
"""Clients listed; a page with thousands of rows helps nobody."""


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

    client: str
    feeds: str
    block_size: str
    since: str
    blocks: str
    last_block: str
    """The newest block sentence; empty before the first block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the page that changes."""

    troubles: list[Trouble]
    """What does not work at present; empty as a rule."""
    feeds: list[FeedCard]
    clients: list[ClientRow]
    """The last ones to connect, `MOST_CLIENTS` at most."""
    more: str
    """How many connected clients are not listed, as a sentence, or empty."""
    connected: str
    blocks: str
    verified: str
    """Stored blocks that hold what was sent."""
    messages: str
    """Messages in the stored blocks."""
    at: str


def overview() -> Overview:
    """Look at the feeds and sessions now; a handful of queries."""
    now_us = time.time_ns() // 1000
    online = Q(status=ClientSession.Status.ONLINE)
    # Sums over the sessions: counting the reports would read them all.
    totals = ClientSession.objects.aggregate(
        connected=Count("pk", filter=online),
        blocks=Sum("blocks"),
        verified=Sum("verified"),
        messages=Sum("messages"),
    )
    clients = _client_rows(online)
    more = totals["connected"] - len(clients)
    return Overview(
        troubles=[Trouble(text=text) for text in TROUBLES.sentences()],
        feeds=[_feed_card(feed) for feed in catalog.overview(now_us)],
        clients=clients,
        more=f"and {more:,} more" if more > 0 else "",
        connected=f"{totals['connected']:,}",
        blocks=f"{totals['blocks'] or 0:,}",
        verified=f"{totals['verified'] or 0:,}",
        messages=f"{totals['messages'] or 0:,}",
        at=f"{show.moment_us(now_us)} UTC",
    )


def _feed_card(feed: catalog.FeedOverview) -> FeedCard:
    return FeedCard(
        name=feed.name,
        kind=feed.kind,
        rate=show.rate(feed.rate),
        head=f"{feed.head:,}",
        state=show.state(feed),
        sentence=show.sentence(feed),
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
            client=session.client,
            feeds=session.feeds.replace(" ", ", "),
            block_size=f"{session.block_size:,}",
            since=show.moment(session.connected_at),
            blocks=f"{session.blocks:,}",
            last_block=printable(session.last_block or ""),
        )
        for session in sessions
    ]
