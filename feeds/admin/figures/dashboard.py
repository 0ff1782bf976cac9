"""
The values of the dashboard, formatted for people.

The page and ``dashboard.json`` use the same `Dashboard`. It contains only what
the user may view; anything else is neither queried nor sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.urls import reverse

from feeds import show
from feeds.admin.figures.charts import Chart
from feeds.admin.figures.history import HOUR, SPANS, Span, look_back
from feeds.admin.figures.outages import sentences
from feeds.admin.figures.tiles import Tile, changelist, report_tiles, session_tiles
from feeds.admin.figures.timelines import outage_chart, report_charts, session_charts
from feeds.running.outages import OUTAGES
from feeds.summary import summaries


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The user's permissions to view."""

    feeds: bool
    sessions: bool
    reports: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """One feed."""

    name: str
    state: str
    rate: str
    head: str
    page: str
    """The URL of its page; then those of its sessions and its reports:"""
    sessions: str
    reports: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One current problem."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """All values on the page that change."""

    troubles: list[Trouble]
    tiles: list[Tile]
    feeds: list[FeedRow]
    charts: list[Chart]
    leads_to_sessions: bool
    """Whether the rows of feeds link to sessions, which the user may view."""
    leads_to_reports: bool
    span: str
    """The span of the charts: ``hour``, ``day`` or ``week``."""
    spans: list[str]
    feed: str
    """The feed whose messages, sessions and lag are drawn; empty: all feeds."""
    outages: str
    """The times at which something was unavailable, in sentences."""
    is_empty: bool
    """Whether the span has no stored sample."""
    at: str


def dashboard(rights: Rights, span: Span = HOUR, feed: str = "") -> Dashboard:
    """
    Return the dashboard of the last *span*; takes at most six queries.

    With a *feed*, the charts show the samples' figures of that feed, which do not
    cover reports. If it does not exist, or the user may not view it, they show all feeds.
    """
    now = datetime.now(UTC)
    now_us = int(now.timestamp() * 1_000_000)
    feeds = summaries(now_us) if rights.feeds else []
    if not rights.sessions or feed not in {one.name for one in feeds}:
        feed = ""
    history = look_back(now, span, feed) if rights.sessions or rights.reports else None
    tiles: list[Tile] = []
    charts: list[Chart] = []
    if history and rights.sessions:
        tiles += session_tiles(history.now)
        charts += session_charts(history)
    if history and rights.reports:
        tiles += report_tiles(history)
        charts += [] if feed else report_charts(history)
    if history and history.outages:
        charts.append(outage_chart(history, now))
    return Dashboard(
        troubles=[Trouble(text=text) for text in OUTAGES.sentences(detailed=True)],
        tiles=tiles,
        feeds=[
            FeedRow(
                name=one.name,
                state=show.state(one),
                rate=show.rate(one.rate),
                head=f"{one.head:,}",
                page=reverse("admin:feeds_feed_change", args=(one.pk,)),
                sessions=changelist("clientsession", feed=one.name) if rights.sessions else "",
                reports=changelist("blockreport", feed=one.name) if rights.reports else "",
            )
            for one in feeds
        ],
        charts=charts,
        leads_to_sessions=rights.sessions,
        leads_to_reports=rights.reports,
        span=span.name,
        spans=[*SPANS],
        feed=feed,
        outages=sentences(history.outages) if history else "",
        is_empty=history is not None and history.is_empty,
        at=f"{show.moment(now)} UTC",
    )
