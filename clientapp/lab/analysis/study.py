"""A study: trials, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .cell import Cell, cells, mean_ideal, mean_seconds
from .fit import Fit, NoFit, fit
from .total import Total, totals
from .trial import Trial

IDEAL = "ideal (s)"
CLIENTS = "clients"
BLOCK_SIZE = "block size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One question about a dependence, and its answer."""

    response: str
    unit: str
    """Of the response; coefficients are per one of their predictor."""
    points: str
    """What a point is."""
    outcome: Fit | NoFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All that a report says, without the words around it."""

    trials: tuple[Trial, ...]
    cells: tuple[Cell, ...]
    totals: tuple[Total, ...]
    models: tuple[Model, ...]


def study(trials: Sequence[Trial]) -> Study:
    """Return what *trials*, at least one, come to."""
    return Study(
        trials=tuple(trials),
        cells=tuple(cells(trials)),
        totals=tuple(totals(trials)),
        models=(_block_time(trials), _latency("p50", trials), _latency("p99", trials)),
    )


def _block_time(trials: Sequence[Trial]) -> Model:
    # A block of one takes no time by definition; it would only feign precision.
    points = [trial for trial in trials if trial.condition.block_size > 1]
    return Model(
        response="mean block time",
        unit="s",
        points="one repeat of a cell with a block size above 1",
        outcome=_fit(
            points,
            mean_seconds,
            {
                IDEAL: mean_ideal,
                CLIENTS: lambda trial: float(trial.condition.clients),
            },
        ),
    )


def _latency(figure: str, trials: Sequence[Trial]) -> Model:
    return Model(
        response=f"latency {figure}",
        unit="s",
        points="one repeat of a cell",
        outcome=_fit(
            [trial for trial in trials if trial.latency is not None],
            lambda trial: float(getattr(trial.latency, figure)),
            {
                BLOCK_SIZE: lambda trial: float(trial.condition.block_size),
                CLIENTS: lambda trial: float(trial.condition.clients),
            },
        ),
    )


def _fit(
    trials: Sequence[Trial],
    response: Callable[[Trial], float],
    predictors: dict[str, Callable[[Trial], float]],
) -> Fit | NoFit:
    if not trials:
        return NoFit(reasons=("nothing of the kind was measured",))
    return fit(
        [response(trial) for trial in trials],
        {name: [value(trial) for trial in trials] for name, value in predictors.items()},
    )
