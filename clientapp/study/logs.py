"""
Block logs as trials.

A log says what its client asked for and what came, not how many others were
connected nor how fast the feed was meant to run. So clients are counted among
the logs that are given, and the rate, unless it is stated, is estimated.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from clientapp.core.analysis.trial import Condition, LatencyFigures, TimedBlock, Trial
from clientapp.core.errors import CouldNot
from clientapp.core.latency import nearest_rank
from clientapp.core.logline import LoggedBlock
from clientapp.study.blockfiles import LoggedSession, left_out, read_blocks
from clientapp.study.reading import Reading
from clientapp.wire.names import key_prefix

STRETCHES = 10
"""Parts of a session whose rates are compared; their median outlives a pause in some."""
ESTIMATED = (
    "The rate was estimated from offsets and receipt times, to three digits: an overhead below "
    "0.1 % of the block time says nothing. State it (--rate) to know more."
)
OF_BLOCKS = (
    "Latencies come from block reports: p50 is the median of the blocks' medians, p99 the 99th "
    "percentile of the blocks' own p99, which is an upper estimate."
)
COUNTED = "Clients are counted among the logs that were given."


@dataclass(frozen=True, slots=True)
class _Span:
    """A session with blocks, and from when to when it collected them."""

    session: LoggedSession
    start: int
    end: int

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


def read_logs(paths: Sequence[Path], rate: float | None) -> Reading:
    """
    Return the trials in the logs at *paths*.

    *rate*: messages a second of all feeds of a client together, None to
    estimate it. Sessions that overlap in time are one repeat. Raises CouldNot.
    """
    files = [read_blocks(path) for path in paths]
    spans = sorted(
        (_span(session) for file in files for session in file.sessions if session.blocks),
        key=lambda span: (span.start, span.end),
    )
    lacks = left_out(files)
    if not spans and lacks:
        raise CouldNot(f"the logs hold no block to measure. {' '.join(lacks)}")
    if not spans:
        raise CouldNot("the logs hold no whole block; let their clients collect some first")
    notes = [COUNTED, OF_BLOCKS] if rate is not None else [COUNTED, ESTIMATED, OF_BLOCKS]
    notes += lacks
    feeds = sorted({" and ".join(sorted(span.session.asked.feeds)) for span in spans})
    if rate is not None and len(feeds) > 1:
        notes.append(
            f"The stated rate was taken for all clients, and they have different feeds "
            f"({', '.join(feeds)}): ideal and overhead hold only where the feeds of a client "
            "make that many messages a second together."
        )
    trials: list[Trial] = []
    repeats: defaultdict[Condition, int] = defaultdict(int)
    unrated = 0
    for run in _runs(spans):
        together: defaultdict[Condition, list[LoggedSession]] = defaultdict(list)
        rates = _rates(run)
        for span in run:
            asked = span.session.asked
            of_feeds = rate or rates.get(frozenset(asked.feeds))
            if of_feeds is None:
                unrated += 1
                continue
            clients = sum(other.start <= span.middle <= other.end for other in run)
            condition = Condition(of_feeds, clients, asked.block_size, ", ".join(asked.feeds))
            together[condition].append(span.session)
        for condition, members in together.items():
            repeats[condition] += 1
            trials.append(trial_of(condition, repeats[condition], members))
    if unrated:
        notes.append(f"Sessions too short to tell their rate, left out: {unrated}.")
    if not trials:
        raise CouldNot("no session is long enough to tell its rate; state it with --rate")
    return Reading(trials=tuple(trials), notes=tuple(notes))


def _span(session: LoggedSession) -> _Span:
    reports = [block.report for block in session.blocks]
    return _Span(
        session,
        min(report.started_at for report in reports),
        max(report.finished_at for report in reports),
    )


def _runs(spans: Sequence[_Span]) -> Iterable[list[_Span]]:
    """Yield those of *spans*, which are ordered by start, that overlap."""
    run: list[_Span] = []
    end = 0
    for span in spans:
        if run and span.start > end:
            yield run
            run = []
        run.append(span)
        end = max(end, span.end)
    yield run


def _rates(run: Sequence[_Span]) -> dict[frozenset[str], float]:
    """Return messages a second by feeds, to three digits, where blocks tell it."""
    stretches: defaultdict[frozenset[str], list[float]] = defaultdict(list)
    for span in run:
        stretches[frozenset(span.session.asked.feeds)] += _stretches(span.session.blocks)
    return {
        feeds: round(rate, 2 - math.floor(math.log10(rate)))
        for feeds, rates in stretches.items()
        if rates and (rate := median(rates)) > 0
    }


def _stretches(blocks: Sequence[LoggedBlock]) -> list[float]:
    """Return messages a second over each of about `STRETCHES` parts of a session."""
    ends = blocks[:: max(1, (len(blocks) - 1) // STRETCHES)]
    return [
        (_heads(later) - _heads(earlier)) * 1_000_000 / took
        for earlier, later in pairwise(ends)
        if (took := later.report.finished_at - earlier.report.finished_at) > 0
        and later.positions.keys() == earlier.positions.keys()
    ]


def _heads(block: LoggedBlock) -> int:
    return sum(position.offset for position in block.positions.values())


def trial_of(condition: Condition, repeat: int, sessions: Sequence[LoggedSession]) -> Trial:
    """Return the blocks of *sessions*, at least one, as a trial."""
    blocks = [block for session in sessions for block in session.blocks]
    parts = [part for block in blocks for part in block.report.feeds.values()]
    received = sum(part.count for part in parts)
    return Trial(
        condition=condition,
        repeat=repeat,
        blocks=tuple(
            TimedBlock(
                client=f"{session.asked.client} {key_prefix(session.asked.session)}",
                number=block.report.block,
                seconds=block.report.seconds,
                started_at=block.report.started_at,
                finished_at=block.report.finished_at,
            )
            for session in sessions
            for block in session.blocks
        ),
        received=received,
        expected=received + sum(block.missing for block in blocks),
        duplicates=sum(part.duplicates for part in parts),
        latency=_latency(blocks),
    )


def _latency(blocks: Sequence[LoggedBlock]) -> LatencyFigures:
    latencies = [block.report.latency for block in blocks]
    clocks = [block.report.clock for block in blocks]
    return LatencyFigures(
        p50=median(latency.p50 for latency in latencies),
        p99=nearest_rank(sorted(latency.p99 for latency in latencies), 99),
        max=max(latency.max for latency in latencies),
        clock_error=None
        if None in clocks
        else max(clock.error for clock in clocks if clock is not None),
    )
