"""
The values of the dashboard, formatted for people.

The page and ``dashboard.json`` use the same `Dashboard`. It contains only what
the user may view; anything else is neither queried nor sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.urls import reverse

from feeds import show
from feeds.admin.figures.charts import Chart, line_chart
from feeds.admin.figures.history import HOUR, SPANS, History, Point, Span, look_back
from feeds.admin.figures.outages import LINES, sentences, within
from feeds.models import BlockReport, ClientSession
from feeds.running.outages import OUTAGES
from feeds.summary import summaries

SILENT = "no server is sampling now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The user's permissions to view."""

    feeds: bool
    sessions: bool
    reports: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure."""

    name: str
    value: str
    note: str
    link: str = ""
    """The list of the things counted; empty if there is none."""
    state: str = ""
    """``broken`` if the figure needs attention; otherwise empty."""


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

    With a *feed*, the charts show what samples know of that feed, which excludes
    reports. A feed that does not exist, or that the reader may not view, means all.
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
        tiles += _session_tiles(history.now)
        charts += _session_charts(history)
    if history and rights.reports:
        tiles += _report_tiles(history)
        charts += [] if feed else _report_charts(history)
    if history and history.outages:
        charts.append(_outage_chart(history, now))
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
                sessions=_list("clientsession", feed=one.name) if rights.sessions else "",
                reports=_list("blockreport", feed=one.name) if rights.reports else "",
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


def _list(model: str, **asked: str) -> str:
    """Return the URL of the list of *model*, filtered by *asked*."""
    return f"{reverse(f'admin:feeds_{model}_changelist')}?{urlencode(asked)}"


def _session_tiles(now: Point) -> list[Tile]:
    online = ClientSession.objects.filter(status=ClientSession.Status.ONLINE).count()
    is_known = now.messages is not None
    those = _list("clientsession", status__exact=ClientSession.Status.ONLINE)
    return [
        Tile(name="Sessions online", value=f"{online:,}", note="connected now", link=those),
        Tile(
            name="Messages/s",
            value=_figure(now.messages),
            note="sent to all, over the last 10 s" if is_known else SILENT,
        ),
        Tile(
            name="Worst lag",
            value=_figure(now.worst_lag),
            note="messages behind, when last checked" if is_known else SILENT,
            link=those,
        ),
    ]


def _report_tiles(history: History) -> list[Tile]:
    now, blocks = history.now, history.blocks - history.plain
    share = show.UNKNOWN
    if blocks:
        # Rounded down, so that 100 % is shown only if every block is verified.
        share = f"{int(history.verified / blocks * 1000) / 10:g} %"
    within = f"in the last {history.span.name}"
    note = f"of {blocks:,} blocks {within}" if blocks else f"no block {within}"
    if history.plain:
        note += f"; {history.plain:,} {show.NOT_CHECKED}"
    return [
        Tile(
            name="Blocks/min",
            value=_figure(now.blocks),
            note="over the last 10 s" if now.blocks is not None else SILENT,
            link=_list("blockreport"),
        ),
        Tile(
            name="Broken",
            value=f"{history.broken:,}",
            note=f"{within}; look at them" if history.broken else within,
            link=show.broken_reports(),
            state="broken" if history.broken else "",
        ),
        Tile(
            name="Verified",
            value=share,
            note=note,
            link=_list("blockreport", verdict__exact=BlockReport.Verdict.VERIFIED),
        ),
    ]


def _session_charts(history: History) -> list[Chart]:
    return [
        _over_time(
            history,
            "Messages",
            "Sent to all clients, per second.",
            "messages/s",
            {"messages/s": [point.messages for point in history.points]},
        ),
        _over_time(
            history,
            "Sessions",
            f"The largest number of clients connected at once, in each {history.span.step_name}.",
            "sessions",
            {"sessions": [point.sessions for point in history.points]},
            is_counted=True,
        ),
        _over_time(
            history,
            "Worst lag",
            "Lag of the client that was furthest behind, in messages.",
            "messages",
            {"worst lag": [point.worst_lag for point in history.points]},
            is_counted=True,
        ),
    ]


def _report_charts(history: History) -> list[Chart]:
    points = history.points
    left_out = f" Left out of {history.blocks - history.plain:,} blocks: {history.left_out:,}."
    drawn = [
        _over_time(
            history,
            "Blocks",
            "Stored block reports, per minute.",
            "blocks/min",
            {"blocks/min": [point.blocks for point in points]},
        ),
        _over_time(
            history,
            "Overhead",
            "Block time minus its ideal, of verified blocks; median and highest p99 of the "
            "ten-second samples." + left_out,
            "milliseconds",
            {
                "median": [show.milliseconds(point.overhead_p50) for point in points],
                "p99": [show.milliseconds(point.overhead_p99) for point in points],
            },
        ),
        _over_time(
            history,
            "Latency",
            "From a message's intended time to its receipt, by the server's clock, of the same "
            "blocks." + left_out,
            "milliseconds",
            {
                "median": [show.milliseconds(point.latency_p50) for point in points],
                "p99": [show.milliseconds(point.latency_p99) for point in points],
            },
        ),
    ]
    if history.plain:
        drawn.append(
            _over_time(
                history,
                "Block time of plain clients",
                f"As the clients reported it, unchecked: {history.plain:,} blocks.",
                "seconds",
                {
                    "median": [point.plain_p50 for point in points],
                    "p99": [point.plain_p99 for point in points],
                },
            )
        )
    return drawn


def _outage_chart(history: History, now: datetime) -> Chart:
    ends = [*history.starts[1:], now]
    steps = list(zip(history.starts, ends, strict=True))
    known = [point.messages is not None for point in history.points]
    first = known.index(True) if any(known) else 0
    names = {part: LINES.get(part, part) for part in history.outages}
    step = history.span.step_name
    return _over_time(
        history,
        "Outages",
        f"Seconds of each {step} with an outage ({', '.join(names.values())}).",
        "seconds",
        {
            names[part]: [
                None if place < first else within(spans, start, end)
                for place, (start, end) in enumerate(steps)
            ]
            for part, spans in history.outages.items()
        },
    )


def _over_time(
    history: History,
    title: str,
    about: str,
    unit: str,
    lines: dict[str, list[float | None]],
    *,
    is_counted: bool = False,
) -> Chart:
    labels = [f"{start:{history.span.label}}" for start in history.starts]
    return line_chart(
        title,
        about,
        labels,
        lines,
        across="UTC",
        up=unit,
        is_dense=True,
        is_counted=is_counted,
    )


def _figure(value: float | None) -> str:
    if value is None:
        return show.UNKNOWN
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
