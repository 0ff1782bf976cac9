"""
Figures from the newest block reports: blocks per minute, block time, latency.

Each figure takes one bounded read, however many reports are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum

from clientapp.figures.measured import Measured, Reason
from clientapp.figures.ranks import figure
from clientapp.figures.summary import Summary, grouped, left_out_sentence, summarise
from feeds import show
from feeds.models import BlockReport
from feeds.storing.measured import measured

PACE_SECONDS = 60
"""The period over which blocks are counted."""
MOST_COUNTED = 10_000
"""The most reports counted; if more arrived, only the newest ones set the pace."""
MOST_TIMED = 1000
"""The most reports whose block time is read: a few milliseconds of work."""
ENOUGH_FOR_P90, ENOUGH_FOR_P99 = 10, 100
"""Blocks needed for a percentile: with fewer it would just be the maximum."""
MOST_ROWS = 12
"""Groups shown, the ones with the most reports."""

Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The rate at which blocks are reported."""

    blocks: float
    """Reports per minute."""
    messages: float
    """Messages per second in the blocks of these reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """The block time of one group and block size, as a row with a bar."""

    rates: str
    """The feeds and their rates."""
    size: str
    blocks: str
    """The number of blocks in the times."""
    left_out: str
    ideal: str
    p50: str
    """The median block time, as drawn by the bar."""
    overhead: str
    """The median overhead."""
    overhead_p90: str
    bar: str
    """The width of the median's bar in percent of the longest p90."""
    rest: str
    """The width of the p90's bar, in the same unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Block time and latency of the newest reports."""

    sizes: list[SizeRow] = field(default_factory=list)
    left_out: str = ""
    """The number of reports left out of all figures, as a sentence, or empty."""
    latency: str = "none"
    """The median of the blocks' median latencies by the server's clock."""
    latency_seconds: float | None = None
    """The same as a number; None if there is none."""
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
    """Summarise the `MOST_TIMED` newest reports."""
    newest = BlockReport.objects.order_by("-received_at", "-id")[:MOST_TIMED]
    blocks = [block for block, _ in measured(newest)]
    found = summarise(blocks)
    rows, left_out = _rows(blocks), left_out_sentence(found.left_out)
    if found.latency is None:
        note = "no verified block with a known server clock yet" if blocks else "no block yet"
        return Times(sizes=rows, left_out=left_out, latency_note=note)
    # Plain clients measure no latency; the sentence counts their blocks as shown separately.
    out = found.blocks - found.latency_blocks - found.left_out.get(Reason.PLAIN, 0)
    return Times(
        sizes=rows,
        left_out=left_out,
        latency=show.seconds(found.latency.p50),
        latency_seconds=found.latency.p50,
        latency_note=_p99(found.latency.p99, found.latency_blocks)
        + (f"; {out:,} left out" if out else ""),
    )


def _p99(value: float, blocks: int) -> str:
    """Return a p99 in words, or say that there are too few blocks for one."""
    if blocks < ENOUGH_FOR_P99:
        return f"{show.count(blocks, 'block')}, too few for a p99 yet"
    return f"p99 {show.seconds(value)}, {show.count(blocks, 'block')}"


def _rows(blocks: Sequence[Measured]) -> list[SizeRow]:
    groups = grouped(blocks, lambda block: (block.rates, block.size or 0))
    most = sorted(groups, key=lambda key: -len(groups[key]))[:MOST_ROWS]
    found = {key: summarise(groups[key]) for key in sorted(most)}
    shown = {key: one.seconds or one.plain for key, one in found.items()}
    longest = max((times.p90 for times in shown.values() if times), default=0.0) or 1.0
    return [_row(key, one, longest) for key, one in found.items()]


def _row(key: Key, found: Summary, longest: float) -> SizeRow:
    rates, size = key
    seconds, overhead = found.seconds or found.plain, found.overhead
    return SizeRow(
        rates=rates,
        size=f"{size:,}" if size else show.UNKNOWN,
        blocks=f"{seconds.count if seconds else 0:,}",
        left_out=f"{found.blocks - (seconds.count if seconds else 0):,}",
        ideal=_seconds(found.ideal),
        p50=_seconds(figure(seconds, "p50")),
        overhead=_seconds(figure(overhead, "p50")),
        overhead_p90=_seconds(figure(overhead, "p90"))
        if overhead and overhead.count >= ENOUGH_FOR_P90
        else show.UNKNOWN,
        bar=f"{seconds.p50 / longest * 100 if seconds else 0:.1f}",
        rest=f"{seconds.p90 / longest * 100 if seconds else 0:.1f}",
    )


def _seconds(value: float | None) -> str:
    return show.UNKNOWN if value is None else show.seconds(value)
