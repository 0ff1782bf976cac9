"""
Sparklines: the last ten minutes of each feed and figure, as lines without axes.

Feeds are drawn from their schedules, which include the past; the servers'
figures from their stored samples. Two reads serve all pages for ten seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low

from django.db.models import Prefetch

from feeds import show
from feeds.core.schedule import Schedule
from feeds.making.segments import segment_of
from feeds.models import Feed, Sample, Segment

STEP_SECONDS = 20
"""Time per point: two samples of each server, so that a late one leaves no hole."""
POINTS = 30
MOST_SAMPLES = 5000
"""The most samples read, newest first: ten minutes of 80 server processes."""
MOST_SEGMENTS = 20
"""The most segments read of a feed; nothing is drawn before them."""
WIDTH, HEIGHT, MARGIN = 100, 24, 2
"""Size of the drawing in its own units; the margin leaves room for the line width."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """One line, the oldest point first."""

    name: str
    """The feed, or the tile's field."""
    path: str
    """The data of an SVG path; empty if there are no values."""
    said: str
    """The values in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparklines:
    """All lines of the page."""

    drawn: str
    """Changes with the drawing, so that a page is not sent a drawing that it has already."""
    tiles: list[Sparkline]
    feeds: list[Sparkline]


def sparklines() -> Sparklines:
    """Draw the last complete steps before now."""
    step = timedelta(seconds=STEP_SECONDS)
    end = int(datetime.now(UTC).timestamp()) // STEP_SECONDS * STEP_SECONDS
    start = datetime.fromtimestamp(end, UTC) - POINTS * step
    rates = _rates(end)
    every_feed = [sum(values) for values in zip(*rates.values(), strict=True)] if rates else []
    figures = _figures(start, step)
    return Sparklines(
        drawn=f"{end}",
        tiles=[
            draw("rate", every_feed, show.rate),
            *(draw(name, values, SAID[name]) for name, values in figures.items()),
        ],
        feeds=[draw(name, values, show.rate) for name, values in rates.items()],
    )


def draw(name: str, values: Values, said: Callable[[float], str]) -> Sparkline:
    """Draw *values* on a scale from 0 to the highest; None leaves a hole."""
    known = [value for value in values if value is not None]
    if not known:
        return Sparkline(name=name, path="", said="No data for the last 10 minutes")
    top = max(known) or 1.0
    path, is_drawing = "", False
    for index, value in enumerate(values):
        if value is None:
            is_drawing = False
            continue
        across = index * WIDTH / (len(values) - 1)
        down = HEIGHT - MARGIN - max(value, 0.0) / top * (HEIGHT - 2 * MARGIN)
        # A point between two holes has no length, so draw it one unit long.
        alone = "h1" if not is_drawing else ""
        path += f"{'L' if is_drawing else 'M'}{across:.3g} {down:.3g}{alone}"
        is_drawing = True
    words = f"lowest {said(min(known))}, highest {said(max(known))}, last {said(known[-1])}"
    return Sparkline(name=name, path=path, said=f"Last 10 minutes: {words}")


def _rates(end: int) -> dict[str, list[float]]:
    """Return the messages per second of each feed in each step up to *end*."""
    rows = Feed.objects.prefetch_related(
        Prefetch("segments", Segment.objects.order_by("-first")[:MOST_SEGMENTS], to_attr="newest")
    )
    edges = [(end - step * STEP_SECONDS) * 1_000_000 for step in range(POINTS, -1, -1)]
    found = {}
    for row in rows:
        schedule = Schedule([segment_of(one) for one in row.newest])
        # An offset before the oldest segment read counts as that segment's first one.
        least = min((one.first for one in row.newest), default=1) - 1
        due = [max(schedule.due(edge, row.promised), least) for edge in edges]
        found[row.name] = [(after - before) / STEP_SECONDS for before, after in pairwise(due)]
    return found


@dataclass(slots=True)
class _Served:
    """The work of one server process in one step."""

    seconds: float = 0.0
    sessions: int = 0
    blocks: int = 0
    verified: int = 0
    plain: int = 0
    """Blocks of plain clients, which cannot be checked."""


def _figures(start: datetime, step: timedelta) -> dict[str, list[float | None]]:
    """Return the combined figures of all servers in each step from *start* on."""
    steps: list[dict[str, _Served]] = [defaultdict(_Served) for _ in range(POINTS)]
    latencies: list[list[float]] = [[] for _ in range(POINTS)]
    samples = Sample.objects.filter(at__gte=start, at__lt=start + POINTS * step).order_by("-at")
    for one in samples[:MOST_SAMPLES]:
        index = (one.at - start) // step
        served = steps[index][one.server]
        served.seconds += one.seconds
        served.sessions = max(served.sessions, one.sessions)
        served.blocks += one.blocks
        served.verified += one.verified
        served.plain += one.plain
        if one.latency_p50 is not None:
            latencies[index].append(one.latency_p50)
    found: dict[str, list[float | None]] = {name: [] for name in SAID}
    stored = 0
    for at_once, late in zip(steps, latencies, strict=True):
        servers = at_once.values()
        blocks = sum(one.blocks for one in servers)
        stored += blocks
        per_minute = sum(one.blocks / one.seconds * 60 for one in servers if one.seconds)
        found["connected"].append(sum(one.sessions for one in servers) if servers else None)
        found["pace"].append(per_minute if servers else None)
        found["latency"].append(median_low(late) if late else None)
        checked = blocks - sum(one.plain for one in servers)
        share = sum(one.verified for one in servers) / checked if checked else None
        found["share"].append(share)
        found["blocks"].append(stored if servers else None)
    return found


SAID: dict[str, Callable[[float], str]] = {
    "connected": lambda value: f"{value:,.0f} connected",
    "pace": lambda value: f"{value:,.0f} blocks a minute",
    "latency": show.seconds,
    "share": lambda value: f"{value:.1%}",
    "blocks": lambda value: f"{value:,.0f} more blocks",
}
"""A formatter for the values of each tile."""
