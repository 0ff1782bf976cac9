"""
Samples of a server process: rows of a history that outlives it.

There is one row every few seconds, however many clients are connected: nothing here
runs per message or per session. While the database is unavailable, at most an hour of
rows waits. Storing a row removes rows that are too old, which bounds the table.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from clientapp.figures.measured import LatencySeen, Measured
from clientapp.figures.ranks import figure
from clientapp.figures.summary import summarise
from clientapp.wire.report import Report
from clientapp.wire.verdict import Verdict
from feeds.models import Sample
from feeds.storing.facts import Fact, Outcome, Reported

MOST_MEASURED = 10_000
"""Most reports in the percentiles of one sample; a random choice if there are more."""
MOST_WAITING = 360
"""Most samples that wait for the database: an hour of them."""
MOST_FEEDS = 100
"""The most feeds listed in one sample, which takes 2 KB; the busiest ones are chosen."""
REMOVED_AT_ONCE = 100
"""Most old samples removed per new one: the table shrinks, and no lock takes long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The state of a process at one moment."""

    at: datetime
    clock: float
    """Seconds by the monotonic clock."""
    sessions: int
    sent: Counter[str]
    """Messages of each feed sent to clients since the process began."""
    worst_lag: int
    readers: Mapping[str, tuple[int, int]]
    """Per feed, its readers and the most messages that one of them lacks."""
    unavailable: Sequence[str]
    """Parts that had an outage at any time since the last look."""


@dataclass(slots=True)
class Tally:
    """The reports stored since the last look."""

    blocks: int = 0
    verified: int = 0
    broken: int = 0
    left_out: int = 0
    plain: int = 0
    measured: list[Measured] = field(default_factory=list)
    """At most `MOST_MEASURED` of the reports that count in any figure."""

    def add(self, fact: Reported, outcome: Outcome, verdict: Verdict) -> None:
        """Count a newly stored report."""
        self.blocks += 1
        self.verified += verdict == Verdict.VERIFIED
        self.broken += verdict == Verdict.BROKEN
        block = _measured(fact, outcome, verdict)
        self.plain += block.plain
        if block.left_out is not None and not block.plain:
            self.left_out += 1
        elif len(self.measured) < MOST_MEASURED:
            self.measured.append(block)
        elif (place := random.randrange(self.blocks - self.left_out)) < MOST_MEASURED:
            self.measured[place] = block


class Sampler:
    """Makes the samples of the process *server*; several threads may call it."""

    def __init__(self, server: str, clock: float) -> None:
        """Begin the first period at *clock*, seconds by the monotonic clock."""
        self._server = server
        self._since = clock
        self._sent: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._tally = Tally()
        self._waiting: deque[Sample] = deque(maxlen=MOST_WAITING)

    @property
    def waiting(self) -> int:
        """The number of samples that wait to be stored."""
        return len(self._waiting)

    def note(self, facts: Sequence[Fact], outcomes: Sequence[Outcome]) -> None:
        """Count committed facts; called by the thread that committed them."""
        with self._lock:
            for fact, outcome in zip(facts, outcomes, strict=True):
                if isinstance(fact, Reported) and outcome.is_new and outcome.judgement:
                    self._tally.add(fact, outcome, outcome.judgement.verdict)

    def take(self, look: Look) -> None:
        """Make the sample of the period that ends with *look*, for `store` to store."""
        with self._lock:
            tally, self._tally = self._tally, Tally()
        found = summarise(tally.measured)
        overhead, latency, plain = found.overhead, found.latency, found.plain
        sent = look.sent - self._sent
        self._waiting.append(
            Sample(
                server=self._server,
                at=look.at,
                seconds=look.clock - self._since,
                sessions=look.sessions,
                messages=sent.total(),
                worst_lag=look.worst_lag,
                blocks=tally.blocks,
                verified=tally.verified,
                broken=tally.broken,
                left_out=tally.left_out,
                overhead_p50=figure(overhead, "p50"),
                overhead_p99=figure(overhead, "p99"),
                plain=tally.plain,
                plain_p50=figure(plain, "p50"),
                plain_p99=figure(plain, "p99"),
                latency_p50=latency and latency.p50,
                latency_p99=latency and latency.p99,
                unavailable=" ".join(look.unavailable),
                feeds=_feeds(look.readers, sent),
            )
        )
        self._since, self._sent = look.clock, look.sent

    def store(self) -> None:
        """Store waiting samples and remove old ones; raises the database's errors."""
        waiting = list(self._waiting)
        if waiting:
            Sample.objects.bulk_create(waiting)
            self._waiting.clear()
            oldest = waiting[-1].at - timedelta(days=settings.KEEP_SAMPLES_DAYS)
            old = Sample.objects.filter(at__lt=oldest).order_by("at")
            keys = list(old.values_list("pk", flat=True)[:REMOVED_AT_ONCE])
            if keys:
                Sample.objects.filter(pk__in=keys).delete()


def _feeds(
    readers: Mapping[str, tuple[int, int]], sent: Counter[str]
) -> dict[str, tuple[int, int, int]]:
    """Return sessions, messages and worst lag of feeds in use, the busiest ones if many."""
    busiest = sorted({*readers, *sent}, key=lambda feed: (sent[feed], feed), reverse=True)
    found = {}
    for feed in busiest[:MOST_FEEDS]:
        sessions, worst_lag = readers.get(feed, (0, 0))
        found[feed] = sessions, sent[feed], worst_lag
    return found


def _measured(fact: Reported, outcome: Outcome, verdict: Verdict) -> Measured:
    report = fact.report
    known = report if isinstance(report, Report) else None
    latency = None
    # Latencies by a client's own clock may be wrong by any amount; one would decide the p99.
    if known is not None and known.clock is not None:
        latency = LatencySeen(known.latency.p50, known.latency.p99, known.latency.max)
    return Measured(
        rates="",
        size=None if known is None else known.size,
        seconds=report.seconds,
        ideal=outcome.ideal,
        verdict=verdict,
        interrupted=known is not None and known.interrupted,
        plain=known is None,
        latency=latency,
    )
