"""
Points: the samples of all server processes combined, over one step or at present.

A restarted server has samples under a new name; it replaces the previous server
and is not added to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from statistics import median_low

from feeds.admin.figures.outages import GRACE_SECONDS
from feeds.models import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The combined figures of all servers during one step; None: unknown."""

    messages: float | None = None
    """Messages sent per second, averaged over the time that samples cover."""
    blocks: float | None = None
    """Blocks stored per minute."""
    sessions: int | None = None
    """The most sessions connected at once."""
    worst_lag: int | None = None
    overhead_p50: float | None = None
    """Median of the samples' medians, in seconds."""
    overhead_p99: float | None = None
    """The highest p99 of a sample: an upper estimate."""
    plain_p50: float | None = None
    """Median block time of plain clients, computed in the same way."""
    plain_p99: float | None = None
    latency_p50: float | None = None
    latency_p99: float | None = None


def running(samples: Sequence[Sample]) -> list[Sample]:
    """
    Return the last sample of each server that was running at the end of *samples*.

    *samples* are newest first. A running server has a sample for every period, so
    a server is gone if its last sample ended before another's last period began.
    """
    last: dict[str, Sample] = {}
    for sample in samples:
        last.setdefault(sample.server, sample)
    began = max((one.began for one in last.values()), default=None)
    grace = timedelta(seconds=GRACE_SECONDS)
    return [one for one in last.values() if began is not None and one.at + grace > began]


def step_point(
    ended: Sequence[Sample], inside: Sequence[Sample], start: datetime, end: datetime
) -> Point:
    """
    Return the figures of the samples that *ended* in a step, and the step's rates.

    A rate is the count from *start* to *end* divided by the time that any sample
    covers. So servers that ran in parallel add up; one that replaced another does
    not. A sample that is partly *inside* counts in proportion.
    """
    covered, reached = timedelta(), start
    shares: list[tuple[Sample, float]] = []
    for sample in sorted(inside, key=attrgetter("began")):
        began, until = max(sample.began, start), min(sample.at, end)
        if began < until:
            shares.append((sample, (until - began).total_seconds() / sample.seconds))
            covered += max(until - max(began, reached), timedelta())
            reached = max(reached, until)
    if not covered:
        return Point()
    return point_of(ended, [(one, share / covered.total_seconds()) for one, share in shares])


def point_of(samples: Sequence[Sample], weights: Sequence[tuple[Sample, float]]) -> Point:
    """Return the figures of *samples*, which are newest first; *weights* apply to the rates."""
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
    Return the most sessions that all servers had together, at the end of any sample.

    *samples* are newest first. A server counts with its last sample until its next
    one, or until it is gone by the rule of `running`.
    """
    most, last = 0, dict[str, Sample]()
    grace = timedelta(seconds=GRACE_SECONDS)
    for newest in reversed(samples):
        last[newest.server] = newest
        began = newest.began
        last = {name: one for name, one in last.items() if one.at + grace > began}
        most = max(most, sum(one.sessions for one in last.values()))
    return most
