"""
Block logs as trials.

A log records its client's request and the messages that arrived, but not the
number of connected clients. So only the clients of the given logs are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import CouldNot
from ...figures.summary import left_out_sentence
from ..analysis.trial import Condition, Trial
from .blockfiles import LoggedSession, left_out, read_blocks
from .reading import Reading
from .trials import SeenBlock, condition_of, left_out_of, seen_blocks, trial_of

OF_BLOCKS = (
    "Latencies come from block reports: p50 is the median of the blocks' medians, p99 the 99th "
    "percentile of the blocks' own p99, which is an upper estimate."
)
COUNTED = "Only the clients of the given logs are counted."


@dataclass(frozen=True, slots=True)
class _Span:
    """A session with blocks, and the time in which it collected them."""

    session: LoggedSession
    start: int
    end: int

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


def read_logs(paths: Sequence[Path]) -> Reading:
    """
    Return the trials in the logs at *paths*.

    Sessions that overlap in time are one repeat. Raises CouldNot.
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
    trials: list[Trial] = []
    everything: list[SeenBlock] = []
    repeats: defaultdict[Condition, int] = defaultdict(int)
    for run in _runs(spans):
        together: defaultdict[Condition, list[SeenBlock]] = defaultdict(list)
        for span in run:
            clients = sum(other.start <= span.middle <= other.end for other in run)
            for seen in seen_blocks(span.session):
                together[condition_of(seen, clients)].append(seen)
                everything.append(seen)
        for condition, blocks in together.items():
            if found := trial_of(condition, repeats[condition] + 1, blocks):
                repeats[condition] += 1
                trials.append(found)
    out = left_out_of(everything)
    if not trials:
        raise CouldNot(f"the logs hold no block that can be timed. {left_out_sentence(out)}")
    return Reading(trials=tuple(trials), notes=(COUNTED, OF_BLOCKS, *lacks), left_out=out)


def _span(session: LoggedSession) -> _Span:
    reports = [block.report for block in session.blocks]
    return _Span(
        session,
        min(report.started_at for report in reports),
        max(report.finished_at for report in reports),
    )


def _runs(spans: Sequence[_Span]) -> Iterable[list[_Span]]:
    """Yield groups of *spans* that overlap; *spans* are ordered by start."""
    run: list[_Span] = []
    end = 0
    for span in spans:
        if run and span.start > end:
            yield run
            run = []
        run.append(span)
        end = max(end, span.end)
    yield run
