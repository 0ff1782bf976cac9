"""
The last hour, as the stored samples of all server processes tell it.

A minute in which no server ran is a point without figures: a hole in the
history is shown as one, not bridged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from feeds.models import Sample

MINUTES = 60
"""Points of the history, one a minute."""
NOW_SECONDS = 30
"""A sample tells how it is now while it is younger: three times as long as one takes."""
MOST_SAMPLES = 20_000
"""Samples read, the newest first: an hour of 55 server processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All servers together during one stretch of time; None: nothing is known."""

    messages: float | None = None
    """Sent per second."""
    blocks: float | None = None
    """Stored per minute."""
    sessions: int | None = None
    worst_lag: int | None = None
    block_p50: float | None = None
    """Median of the samples' medians, in seconds."""
    block_p99: float | None = None
    """The highest p99 of a sample: an upper estimate."""
    latency_p50: float | None = None
    latency_p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An hour of points, the oldest first, and how it is now."""

    starts: list[datetime]
    """When each point begins."""
    points: list[Point]
    now: Point
    blocks: int
    """Blocks stored in the hour, and of them:"""
    verified: int
    broken: int

    @property
    def is_empty(self) -> bool:
        """Whether no sample tells anything of the hour."""
        return all(point.messages is None for point in self.points)


def last_hour(now: datetime) -> History:
    """Read what is stored of the hour before *now*, in one query."""
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    starts = [end - timedelta(minutes=minute) for minute in range(MINUTES, 0, -1)]
    newest = Sample.objects.filter(at__gte=starts[0], at__lt=end).order_by("-at")
    samples = list(newest[:MOST_SAMPLES])
    minutes: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        minutes[int((sample.at - starts[0]).total_seconds()) // 60].append(sample)
    last: dict[str, Sample] = {}
    for sample in samples:
        if abs(now - sample.at) < timedelta(seconds=NOW_SECONDS):
            last.setdefault(sample.server, sample)
    return History(
        starts=starts,
        points=[_point(minutes[minute]) for minute in range(MINUTES)],
        now=_point(list(last.values())),
        blocks=sum(sample.blocks for sample in samples),
        verified=sum(sample.verified for sample in samples),
        broken=sum(sample.broken for sample in samples),
    )


def _point(samples: Sequence[Sample]) -> Point:
    """Return what *samples* say together, each server's the newest first."""
    if not samples:
        return Point()
    servers: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        servers[sample.server].append(sample)

    def per_second(counted: Callable[[Sample], int]) -> float:
        return sum(
            sum(counted(one) for one in own) / max(sum(one.seconds for one in own), 1e-3)
            for own in servers.values()
        )

    def known(figure: Callable[[Sample], float | None]) -> list[float]:
        return [value for one in samples if (value := figure(one)) is not None]

    block_medians = known(lambda one: one.block_p50)
    latency_medians = known(lambda one: one.latency_p50)
    return Point(
        messages=per_second(lambda one: one.messages),
        blocks=per_second(lambda one: one.blocks) * 60,
        sessions=sum(own[0].sessions for own in servers.values()),
        worst_lag=max(one.worst_lag for one in samples),
        block_p50=median_low(block_medians) if block_medians else None,
        block_p99=max(known(lambda one: one.block_p99), default=None),
        latency_p50=median_low(latency_medians) if latency_medians else None,
        latency_p99=max(known(lambda one: one.latency_p99), default=None),
    )
