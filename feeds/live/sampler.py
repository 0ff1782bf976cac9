"""
What a server process does, as rows of a history that outlives it.

Every few seconds one row, whoever is connected: nothing here runs per message
or per session. While the database is away the rows wait, an hour of them at
most. The table bounds itself: storing a row removes rows that are too old.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings

from clientapp.wire.report import Report
from clientapp.wire.verdict import Verdict
from feeds.live.facts import Fact, Outcome, Reported
from feeds.models import Sample

MOST_MEASURED = 10_000
"""Reports that the percentiles of one sample rest on; drawn by lot from more."""
MOST_WAITING = 360
"""Samples that wait for the database: an hour of them."""
REMOVED_AT_ONCE = 100
"""Old samples removed with each new one: enough to shrink, and no long lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is seen of a process at one instant."""

    at: datetime
    clock: float
    """Seconds by the monotonic clock."""
    sessions: int
    sent: int
    """Messages sent to clients since the process began."""
    worst_lag: int


@dataclass(slots=True)
class Tally:
    """The reports stored since the last look."""

    blocks: int = 0
    verified: int = 0
    broken: int = 0
    measured: list[tuple[float, float | None, float | None]] = field(default_factory=list)
    """
    Block time, median latency and its p99 in seconds, of `MOST_MEASURED` at most.

    The latencies are None where they are not by the server's clock.
    """

    def add(self, fact: Reported, verdict: Verdict) -> None:
        """Count a report that was stored just now."""
        self.blocks += 1
        self.verified += verdict == Verdict.VERIFIED
        self.broken += verdict == Verdict.BROKEN
        report = fact.report
        figures: tuple[float, float | None, float | None] = (report.seconds, None, None)
        # By a client's own clock they may be off by any time, and one would be the p99 of all.
        if isinstance(report, Report) and report.clock is not None:
            figures = (report.seconds, report.latency.p50, report.latency.p99)
        if len(self.measured) < MOST_MEASURED:
            self.measured.append(figures)
        elif (place := random.randrange(self.blocks)) < MOST_MEASURED:
            self.measured[place] = figures


class Sampler:
    """Makes the samples of the process *server*; called from several threads."""

    def __init__(self, server: str, clock: float) -> None:
        """Begin the first period at *clock*, seconds by the monotonic clock."""
        self._server = server
        self._since = clock
        self._sent = 0
        self._lock = threading.Lock()
        self._tally = Tally()
        self._waiting: deque[Sample] = deque(maxlen=MOST_WAITING)

    def note(self, facts: Sequence[Fact], outcomes: Sequence[Outcome]) -> None:
        """Take note of what was committed; called by the thread that did it."""
        with self._lock:
            for fact, outcome in zip(facts, outcomes, strict=True):
                if isinstance(fact, Reported) and outcome.is_new and outcome.judgement:
                    self._tally.add(fact, outcome.judgement.verdict)

    def take(self, look: Look) -> None:
        """Make the sample of the period that ends with *look*; it waits for `store`."""
        with self._lock:
            tally, self._tally = self._tally, Tally()
        block_times = [seconds for seconds, _, _ in tally.measured]
        medians = [p50 for _, p50, _ in tally.measured if p50 is not None]
        tails = [p99 for _, _, p99 in tally.measured if p99 is not None]
        self._waiting.append(
            Sample(
                server=self._server,
                at=look.at,
                seconds=look.clock - self._since,
                sessions=look.sessions,
                messages=look.sent - self._sent,
                worst_lag=look.worst_lag,
                blocks=tally.blocks,
                verified=tally.verified,
                broken=tally.broken,
                block_p50=_quantile(block_times, 0.5),
                block_p99=_quantile(block_times, 0.99),
                latency_p50=_quantile(medians, 0.5),
                latency_p99=_quantile(tails, 0.99),
            )
        )
        self._since, self._sent = look.clock, look.sent

    def store(self) -> None:
        """Store what waits and remove what is too old; raises what the database raises."""
        waiting = list(self._waiting)
        if waiting:
            Sample.objects.bulk_create(waiting)
            self._waiting.clear()
            oldest = waiting[-1].at - timedelta(days=settings.KEEP_SAMPLES_DAYS)
            old = Sample.objects.filter(at__lt=oldest).order_by("at")
            keys = list(old.values_list("pk", flat=True)[:REMOVED_AT_ONCE])
            if keys:
                Sample.objects.filter(pk__in=keys).delete()


def _quantile(values: list[float], share: float) -> float | None:
    """Return the nearest rank; None of nothing."""
    return sorted(values)[ceil(share * len(values)) - 1] if values else None
