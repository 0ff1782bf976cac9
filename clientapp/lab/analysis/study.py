"""A study: trials and their statistics."""

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
    """A model of one response, and its fit."""

    response: str
    unit: str
    """Unit of the response; coefficients are per unit of their predictor."""
    points: str
    """A phrase that describes one point."""
    outcome: Fit | NoFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The figures of a report, without its text."""

    trials: tuple[Trial, ...]
    cells: tuple[Cell, ...]
    totals: tuple[Total, ...]
    models: tuple[Model, ...]


def study(trials: Sequence[Trial]) -> Study:
    """Return the study of *trials*, of which there is at least one."""
    return Study(
        trials=tuple(trials),
        cells=tuple(cells(trials)),
        totals=tuple(totals(trials)),
        models=(_block_time(trials), _latency("p50", trials), _latency("p99", trials)),
    )


def _block_time(trials: Sequence[Trial]) -> Model:
    # A block of one takes no time by definition; it would only suggest false precision.
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
        return NoFit(reasons=("no run measured this",))
    return fit(
        [response(trial) for trial in trials],
        {name: [value(trial) for trial in trials] for name, value in predictors.items()},
    )
