"""
What the newest block reports say of pace: blocks by the minute, block time.

Each look is one bounded read, however many reports are stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum

from feeds import show
from feeds.models import BlockReport

PACE_SECONDS = 60
"""The time over which blocks are counted."""
MOST_COUNTED = 10_000
"""Reports counted; where more came in the time, the pace is that of the newest."""
MOST_TIMED = 1000
"""Reports whose block time is looked at: a few milliseconds of work."""
MOST_SIZES = 8
"""Block sizes shown, those with the most reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast blocks come."""

    blocks: float
    """Reports a minute."""
    messages: float
    """Messages a second in those blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """The block time at one block size, as a row with a bar."""

    size: str
    blocks: str
    p50: str
    p90: str
    bar: str
    """The width of the median's bar in percent of the longest p90."""
    rest: str
    """The same of the p90."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Block time and latency of the newest reports."""

    sizes: list[SizeRow] = field(default_factory=list)
    latency: str = "none"
    """The median of the blocks' median latencies, of those by the server's clock."""
    latency_note: str


def pace(now: datetime) -> Pace:
    """Count the reports of the last `PACE_SECONDS`."""
    since = now - timedelta(seconds=PACE_SECONDS)
    recent = BlockReport.objects.filter(received_at__gt=since).order_by("-received_at", "-id")
    found = recent[:MOST_COUNTED].aggregate(
        blocks=Count("pk"), messages=Sum("size"), first=Min("received_at")
    )
    seconds = float(PACE_SECONDS)
    if found["blocks"] == MOST_COUNTED:
        seconds = max((now - found["first"]).total_seconds(), 0.001)
    return Pace(blocks=found["blocks"] / seconds * 60, messages=(found["messages"] or 0) / seconds)


def times() -> Times:
    """Sum up the `MOST_TIMED` newest reports."""
    newest = BlockReport.objects.order_by("-received_at", "-id")
    rows = list(
        newest.values_list("size", "seconds", "latency_p50", "latency_p99", "clock_offset")[
            :MOST_TIMED
        ]
    )
    by_size: defaultdict[int, list[float]] = defaultdict(list)
    for size, seconds, *_ in rows:
        if size is not None:
            by_size[size].append(seconds)
    timed = [(p50, p99) for *_, p50, p99, offset in rows if offset is not None]
    middle = [p50 for p50, _ in timed if p50 is not None]
    late = [p99 for _, p99 in timed if p99 is not None]
    if not middle:
        note = "no block by the server's clock yet" if rows else "no block yet"
        return Times(sizes=_size_rows(by_size), latency_note=note)
    return Times(
        sizes=_size_rows(by_size),
        latency=show.seconds(_rank(middle, 50)),
        latency_note=f"p99 {show.seconds(_rank(late, 99))}, {len(middle):,} blocks",
    )


def _size_rows(by_size: dict[int, list[float]]) -> list[SizeRow]:
    shown = sorted(sorted(by_size, key=lambda size: -len(by_size[size]))[:MOST_SIZES])
    longest = max((_rank(by_size[size], 90) for size in shown), default=0.0) or 1.0
    return [
        SizeRow(
            size=f"{size:,}",
            blocks=f"{len(by_size[size]):,}",
            p50=show.seconds(_rank(by_size[size], 50)),
            p90=show.seconds(_rank(by_size[size], 90)),
            bar=f"{_rank(by_size[size], 50) / longest * 100:.1f}",
            rest=f"{_rank(by_size[size], 90) / longest * 100:.1f}",
        )
        for size in shown
    ]


def _rank(values: Sequence[float], percent: int) -> float:
    """Return the smallest of *values* that *percent* of them do not exceed."""
    return sorted(values)[max(0, -(-percent * len(values) // 100) - 1)]
