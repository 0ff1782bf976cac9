"""A cell of the experiment: one condition with all its repeats."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from ...figures.measured import Reason
from ...figures.ranks import Spread, spread
from .interval import Interval, interval
from .trial import Condition, LatencyFigures, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The figures of all trials of one condition."""

    condition: Condition
    repeats: int
    left_out: Mapping[Reason, int]
    """Blocks that figures of time and latency leave out, by reason."""
    seconds: Spread
    """Spread of the times of all blocks."""
    overheads: Spread
    """Spread of their overheads."""
    mean: float
    """Mean of the repeats' mean block times; each repeat counts the same."""
    ideal: float
    """Mean of the repeats' mean ideals; each repeat counts the same."""
    interval: Interval | None
    """Interval of the mean overhead; None if there is a single repeat."""
    received: int
    expected: int
    duplicates: int
    latency: LatencyFigures | None
    """The median of the repeats for each figure; for the maximum, the largest."""

    @property
    def overhead(self) -> float:
        """Seconds that a block takes beyond the ideal, on average."""
        return self.mean - self.ideal

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


def mean_ideal(trial: Trial) -> float:
    """Return the mean ideal of the blocks of *trial*."""
    return fmean(block.ideal for block in trial.blocks)


def _cell(condition: Condition, trials: Sequence[Trial]) -> Cell:
    blocks = [block for trial in trials for block in trial.blocks]
    seconds, overheads = (
        spread(one.seconds for one in blocks),
        spread(one.overhead for one in blocks),
    )
    assert seconds is not None
    assert overheads is not None
    means, ideals = [*map(mean_seconds, trials)], [*map(mean_ideal, trials)]
    left_out: Counter[Reason] = Counter()
    for trial in trials:
        left_out.update(trial.left_out)
    return Cell(
        condition=condition,
        repeats=len(trials),
        left_out=left_out,
        seconds=seconds,
        overheads=overheads,
        mean=fmean(means),
        ideal=fmean(ideals),
        interval=interval([mean - ideal for mean, ideal in zip(means, ideals, strict=True)]),
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
