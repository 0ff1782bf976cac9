"""
The last hour, as the stored samples of all server processes tell it.

A minute in which no server ran is a point without figures: a hole in the
history is shown as one, not bridged. A server that is started again is a new
server to its samples; it takes the place of the one before, and adds nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median_low

from feeds.models import Sample

MINUTE = timedelta(minutes=1)
MINUTES = 60
"""Points of the history, one a minute."""
NOW_SECONDS = 30
"""A sample tells how it is now while it is younger: three times as long as one takes."""
GRACE_SECONDS = 1
"""By so much a sample may be late; no server is started again sooner after its last one."""
MOST_SAMPLES = 20_000
"""Samples read, the newest first: an hour of 55 server processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """All servers together during one stretch of time; None: nothing is known."""

    messages: float | None = None
    """Sent per second, on average of the time that samples cover."""
    blocks: float | None = None
    """Stored per minute."""
    sessions: int | None = None
    """The most that were connected at once."""
    worst_lag: int | None = None
    overhead_p50: float | None = None
    """Median of the samples' medians, in seconds."""
    overhead_p99: float | None = None
    """The highest p99 of a sample: an upper estimate."""
    plain_p50: float | None = None
    """Block time of plain clients, in the same way."""
    plain_p99: float | None = None
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
    left_out: int
    """Blocks that are in no figure of time, but for those of plain clients."""
    plain: int
    """Blocks of plain clients."""

    @property
    def is_empty(self) -> bool:
        """Whether no sample tells anything of the hour."""
        return all(point.messages is None for point in self.points)


def last_hour(now: datetime) -> History:
    """
    Read what is stored of the hour before *now*, in one query.

    The minute that is not over ends where some server has yet to tell more.
    """
    end = now.replace(second=0, microsecond=0) + MINUTE
    starts = [end - minute * MINUTE for minute in range(MINUTES, 0, -1)]
    newest = Sample.objects.filter(at__gte=starts[0], at__lt=end).order_by("-at")
    samples = list(newest[:MOST_SAMPLES])
    told_until = min((sample.at for sample in _running(samples)), default=end)
    ended: defaultdict[int, list[Sample]] = defaultdict(list)
    inside: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        final = (sample.at - starts[0]) // MINUTE
        ended[final].append(sample)
        for minute in range(max(0, (_began(sample) - starts[0]) // MINUTE), final + 1):
            inside[minute].append(sample)
    recent = [one for one in samples if abs(now - one.at) < timedelta(seconds=NOW_SECONDS)]
    last = _running(recent)
    return History(
        starts=starts,
        points=[
            _minute(ended[minute], inside[minute], start, min(start + MINUTE, told_until))
            for minute, start in enumerate(starts)
        ],
        now=_point(last, [(one, 1 / max(one.seconds, 1e-3)) for one in last]),
        blocks=sum(sample.blocks for sample in samples),
        verified=sum(sample.verified for sample in samples),
        broken=sum(sample.broken for sample in samples),
        left_out=sum(sample.left_out for sample in samples),
        plain=sum(sample.plain for sample in samples),
    )


def _began(sample: Sample) -> datetime:
    return sample.at - timedelta(seconds=sample.seconds)


def _running(samples: Sequence[Sample]) -> list[Sample]:
    """
    Return the last sample of each server that still ran at the end of *samples*.

    They are the newest first. Who runs tells of every period: a server whose
    last sample had ended before another's last period began is gone.
    """
    last: dict[str, Sample] = {}
    for sample in samples:
        last.setdefault(sample.server, sample)
    began = max(map(_began, last.values()), default=None)
    grace = timedelta(seconds=GRACE_SECONDS)
    return [one for one in last.values() if began is not None and one.at + grace > began]


def _minute(
    ended: Sequence[Sample], inside: Sequence[Sample], start: datetime, end: datetime
) -> Point:
    """
    Return what the samples that *ended* in a minute say, with the rates of it.

    A rate is what was counted from *start* to *end* over the time that any
    sample covers: what servers side by side did adds up, what one did after
    the other does not. Of a sample that is partly *inside*, that part counts.
    """
    covered, reached = timedelta(), start
    shares: list[tuple[Sample, float]] = []
    for sample in sorted(inside, key=_began):
        began, until = max(_began(sample), start), min(sample.at, end)
        if began < until:
            shares.append((sample, (until - began).total_seconds() / sample.seconds))
            covered += max(until - max(began, reached), timedelta())
            reached = max(reached, until)
    if not covered:
        return Point()
    return _point(ended, [(one, share / covered.total_seconds()) for one, share in shares])


def _point(samples: Sequence[Sample], weights: Sequence[tuple[Sample, float]]) -> Point:
    """Return what *samples* say, the newest first; the rates are those of the *weights*."""
    if not samples:
        return Point()

    def known(figure: Callable[[Sample], float | None]) -> list[float]:
        return [value for one in samples if (value := figure(one)) is not None]

    def middle(figure: Callable[[Sample], float | None]) -> float | None:
        return median_low(values) if (values := known(figure)) else None

    return Point(
        messages=sum(weight * one.messages for one, weight in weights),
        blocks=sum(weight * one.blocks for one, weight in weights) * 60,
        sessions=_most_sessions(samples),
        worst_lag=max(one.worst_lag for one in samples),
        overhead_p50=middle(lambda one: one.overhead_p50),
        overhead_p99=max(known(lambda one: one.overhead_p99), default=None),
        plain_p50=middle(lambda one: one.plain_p50),
        plain_p99=max(known(lambda one: one.plain_p99), default=None),
        latency_p50=middle(lambda one: one.latency_p50),
        latency_p99=max(known(lambda one: one.latency_p99), default=None),
    )


def _most_sessions(samples: Sequence[Sample]) -> int:
    """
    Return the most sessions that all servers had at once, at the end of any sample.

    *samples* are the newest first. A server counts with its last sample until
    it tells again, or is gone by the rule of `_running`.
    """
    most, last = 0, dict[str, Sample]()
    grace = timedelta(seconds=GRACE_SECONDS)
    for newest in reversed(samples):
        last[newest.server] = newest
        began = _began(newest)
        last = {name: one for name, one in last.items() if one.at + grace > began}
        most = max(most, sum(one.sessions for one in last.values()))
    return most
