"""
The course of a session: when it was connected, and what its newest blocks took.

Bounded by what a page can show: the newest connections as bars on one line
of time, and the newest blocks as charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.template.loader import render_to_string

from feeds.charts import line_chart
from feeds.models import ClientSession, Connection

MOST_CONNECTIONS = 100
"""Bars on the line of time; more are thinner than a pixel."""
MOST_BLOCKS = 200
"""Points of a chart."""
WIDTH = 1000
"""Units of the line of time; it is drawn as wide as its page."""
THINNEST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of time, connected or a gap between two connections."""

    kind: str
    """``connected`` or ``away``."""
    start: float
    width: float
    sentence: str


def timeline(session: ClientSession, now: datetime) -> str:
    """Return when the session was connected, as bars with their sentences."""
    rows = list(session.connections.order_by("-id")[:MOST_CONNECTIONS])[::-1]
    if not rows:
        return "-"
    made = bars(rows, now)
    away = [bar for bar in made if bar.kind == "away"]
    about = f"{_count(len(rows), 'connection')}, {_count(len(away), 'gap')} between them"
    context = {"bars": made, "about": about, "width": WIDTH, "from": rows[0].opened_at}
    return render_to_string("admin/timeline.html", context)


def bars(rows: Sequence[Connection], now: datetime) -> list[Bar]:
    """Return the bars of *rows*, the oldest first, up to *now*."""
    begin = rows[0].opened_at
    scale = WIDTH / max((now - begin).total_seconds(), 1.0)
    made: list[Bar] = []
    end = begin
    for row in rows:
        if (gap := (row.opened_at - end).total_seconds()) > 0:
            made.append(_bar("away", (end - begin).total_seconds(), gap, scale, "not connected"))
        closed = row.closed_at or max(now, row.opened_at)
        why = "still open" if row.closed_at is None else f"closed with {row.close_code}"
        start, seconds = row.opened_at - begin, closed - row.opened_at
        made.append(_bar("connected", start.total_seconds(), seconds.total_seconds(), scale, why))
        end = max(end, closed)
    return made


def course_charts(session: ClientSession) -> str:
    """Return block time and latency of the newest blocks, as charts."""
    fields = ("number", "seconds", "latency_p50", "latency_p99")
    rows = list(session.reports.order_by("-number").values_list(*fields)[:MOST_BLOCKS])[::-1]
    if not rows:
        return "No block yet."
    places = [f"{row[0]:,}" for row in rows]
    drawn = [
        line_chart(
            "Block time",
            "From the first to the last message.",
            places,
            {"block time": [row[1] for row in rows]},
            across="block",
            is_dense=True,
            up="seconds",
        ),
        line_chart(
            "Latency",
            "Median and p99 of each block.",
            places,
            {
                "median": [_ms(row[2]) for row in rows],
                "p99": [_ms(row[3]) for row in rows],
            },
            across="block",
            is_dense=True,
            up="milliseconds",
        ),
    ]
    return render_to_string("admin/course.html", {"charts": drawn})


def _bar(kind: str, start: float, seconds: float, scale: float, why: str) -> Bar:
    return Bar(
        kind=kind,
        start=round(start * scale, 1),
        width=round(max(seconds * scale, THINNEST), 1),
        sentence=f"{kind} {seconds:,.0f} s, {why}"
        if kind == "connected"
        else f"{seconds:,.0f} s {why}",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
