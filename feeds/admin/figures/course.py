"""
The course of a session: its connections, missed messages and block times.

Only as much as a page can show: the newest connections as bars on one timeline,
and the newest blocks as charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.template.loader import render_to_string

from clientapp.figures.summary import left_out_sentence, summarise
from feeds import show
from feeds.admin.figures.charts import numeric_chart
from feeds.models import ClientSession, Connection
from feeds.storing.measured import measured

MOST_CONNECTIONS = 100
"""The most bars on the timeline; more would be thinner than a pixel."""
MOST_BLOCKS = 200
"""The most points of a chart."""
WIDTH = 1000
"""Width of the timeline in its own units; it is scaled to the page."""
THINNEST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One period: connected, away between connections, or a block with missed messages."""

    kind: str
    """``connected``, ``away`` or ``missed``."""
    start: float
    width: float
    sentence: str


def timeline(session: ClientSession, now: datetime) -> str:
    """Return the session's connections and missed messages as bars with sentences."""
    rows = list(session.connections.order_by("-id")[:MOST_CONNECTIONS])[::-1]
    if not rows:
        return show.UNKNOWN
    made = bars(rows, now)
    away = [bar for bar in made if bar.kind == "away"]
    missed = losses(session, rows[0].opened_at, now)
    about = f"{show.count(len(rows), 'connection')}, {show.count(len(away), 'time')} away, "
    about += f"{show.count(len(missed), 'block')} with missed messages"
    context = {"bars": made + missed, "about": about, "width": WIDTH, "from": rows[0].opened_at}
    return render_to_string("admin/timeline.html", context)


def bars(rows: Sequence[Connection], now: datetime) -> list[Bar]:
    """Return the bars of *rows*, oldest first, up to *now*."""
    begin = rows[0].opened_at
    axis = (begin, now)
    made: list[Bar] = []
    end = begin
    for row in rows:
        if (gap := (row.opened_at - end).total_seconds()) > 0:
            made.append(_bar("away", axis, end, gap, f"{gap:,.0f} s not connected"))
        closed = row.closed_at or max(now, row.opened_at)
        why = "still open" if row.closed_at is None else f"closed with {row.close_code}"
        seconds = (closed - row.opened_at).total_seconds()
        words = f"connected {seconds:,.0f} s, {why}"
        made.append(_bar("connected", axis, row.opened_at, seconds, words))
        end = max(end, closed)
    return made


def losses(session: ClientSession, begin: datetime, now: datetime) -> list[Bar]:
    """Return a bar for each of the newest blocks with missed messages."""
    fields = ("number", "ranges", "difference", "started_at", "finished_at")
    rows = list(session.reports.order_by("-number").values_list(*fields)[:MOST_BLOCKS])[::-1]
    made = []
    for number, ranges, difference, started, finished in rows:
        announced = sum(part.get("gaps", 0) for part in ranges.values())
        spans = [span for kinds in (difference or {}).values() for span in kinds.get("missing", ())]
        missed = announced + sum(last - first + 1 for first, last in spans)
        if missed and started and finished and started >= begin:
            words = f"{show.count(missed, 'message')} missed in block {number:,}"
            seconds = (finished - started).total_seconds()
            made.append(_bar("missed", (begin, now), started, seconds, words))
    return made


def course_charts(session: ClientSession) -> str:
    """Return charts of block time and latency of the newest blocks."""
    newest = session.reports.order_by("-number")[:MOST_BLOCKS]
    rows = [(number, block) for block, (number,) in measured(newest, "number")][::-1]
    if not rows:
        return "No block yet."
    # A block that figures leave out is a hole here, since its latency would be wrong.
    late = [(number, None if block.left_out else block.latency) for number, block in rows]
    drawn = [
        numeric_chart(
            "Block time",
            "From the first to the last message, and the ideal. Interrupted blocks are shown.",
            {
                "block time": [(number, block.seconds) for number, block in rows],
                "ideal": [(number, block.ideal) for number, block in rows],
            },
            across="block",
            is_dense=True,
            up="seconds",
        ),
        numeric_chart(
            "Latency",
            "Median and p99 of each verified block whose client knew the server's clock. "
            f"{left_out_sentence(summarise(block for _, block in rows).left_out)}",
            {
                "median": [(at, one and show.milliseconds(one.p50)) for at, one in late],
                "p99": [(at, one and show.milliseconds(one.p99)) for at, one in late],
            },
            across="block",
            is_dense=True,
            up="milliseconds",
        ),
    ]
    return render_to_string("admin/course.html", {"charts": drawn})


def _bar(
    kind: str, axis: tuple[datetime, datetime], start: datetime, seconds: float, sentence: str
) -> Bar:
    begin, now = axis
    scale = WIDTH / max((now - begin).total_seconds(), 1.0)
    return Bar(
        kind=kind,
        start=round((start - begin).total_seconds() * scale, 1),
        width=round(max(seconds * scale, THINNEST), 1),
        sentence=sentence,
    )
