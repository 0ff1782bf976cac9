"""A cell of the experiment: one condition, all its repeats."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from clientapp.core.analysis.figures import Distribution, Interval, distribution, interval
from clientapp.core.analysis.trial import Condition, LatencyFigures, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What the trials of one condition come to."""

    condition: Condition
    repeats: int
    seconds: Distribution
    """Of the time of all blocks."""
    mean: float
    """Of the repeats' mean block times, each repeat counting the same."""
    interval: Interval | None
    """Of that mean; None with a single repeat."""
    received: int
    expected: int
    duplicates: int
    latency: LatencyFigures | None
    """Of each figure the median of the repeats, of the maximum the largest."""

    @property
    def overhead(self) -> float:
        """Seconds that a block takes longer than ideal, in the mean."""
        return self.mean - self.condition.ideal

    @property
    def reach(self) -> float:
        """Messages received, as a share of those expected."""
        return self.received / self.expected if self.expected else math.nan


def cells(trials: Iterable[Trial]) -> list[Cell]:
    """Return the cells of *trials*, ordered by condition."""
    together: defaultdict[Condition, list[Trial]] = defaultdict(list)
    for trial in trials:
        together[trial.condition].append(trial)
    return [_cell(condition, together[condition]) for condition in sorted(together)]


def mean_seconds(trial: Trial) -> float:
    """Return the mean block time of *trial*."""
    return fmean(block.seconds for block in trial.blocks)


def _cell(condition: Condition, trials: Sequence[Trial]) -> Cell:
    means = [mean_seconds(trial) for trial in trials]
    return Cell(
        condition=condition,
        repeats=len(trials),
        seconds=distribution([block.seconds for trial in trials for block in trial.blocks]),
        mean=fmean(means),
        interval=interval(means),
        received=sum(trial.received for trial in trials),
        expected=sum(trial.expected for trial in trials),
        duplicates=sum(trial.duplicates for trial in trials),
        latency=_latency([trial.latency for trial in trials if trial.latency is not None]),
    )


def _latency(figures: Sequence[LatencyFigures]) -> LatencyFigures | None:
    if not figures:
        return None
    errors = [each.clock_error for each in figures]
    return LatencyFigures(
        p50=median(each.p50 for each in figures),
        p99=median(each.p99 for each in figures),
        max=max(each.max for each in figures),
        clock_error=None if None in errors else max(error or 0.0 for error in errors),
    )
