"""
A straight line through what was measured, or the reasons to draw none.

Ordinary least squares: https://en.wikipedia.org/wiki/Ordinary_least_squares.
A fit whose predictors cannot be told apart, or whose residuals contradict
it, is refused: its numbers would look exact and mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .interval import CONFIDENCE
from .residuals import complaints

LEAST_FREEDOM = 5
"""Points beyond the coefficients: with fewer, residuals say nothing about the fit."""
MOST_INFLATION = 5.0
"""Variance inflation factor: above, the other predictors explain over 80 % of one."""
MOST_CONDITION = 30.0
"""Condition number of the standardised predictors: the usual sign of collinearity."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """What one more of a predictor adds to the response."""

    name: str
    value: float
    low: float
    high: float
    """The confidence interval; see `CONFIDENCE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A line that the points bear out."""

    coefficients: tuple[Coefficient, ...]
    """The intercept first."""
    points: int
    r_squared: float
    spread: float
    """Standard deviation of the residuals, in the unit of the response."""
    inflation: float
    """The largest variance inflation factor."""
    fitted: tuple[float, ...]
    residuals: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFit:
    """No line, and why."""

    reasons: tuple[str, ...]
    """Sentences."""
    fitted: tuple[float, ...] = ()
    residuals: tuple[float, ...] = ()
    """Of the line that was refused; empty where none could be drawn."""


def fit(response: Sequence[float], predictors: Mapping[str, Sequence[float]]) -> Fit | NoFit:
    """
    Fit *response* to a constant and *predictors*, one value per point.

    Every point counts the same and must be independent of the others.
    """
    names = tuple(predictors)
    y = np.asarray(response, dtype=float)
    columns = np.column_stack([np.asarray(predictors[name], dtype=float) for name in names])
    reasons, inflation = _design_faults(columns, names, len(y))
    if reasons:
        return NoFit(reasons=tuple(reasons))
    x = np.column_stack([np.ones(len(y)), columns])
    beta = np.linalg.lstsq(x, y)[0]
    fitted = x @ beta
    residuals = y - fitted
    shown: dict[str, Any] = {
        "fitted": tuple(map(float, fitted)),
        "residuals": tuple(map(float, residuals)),
    }
    reasons = complaints(x, y, residuals)
    if reasons:
        return NoFit(reasons=tuple(reasons), **shown)
    freedom = len(y) - x.shape[1]
    variance = float(residuals @ residuals) / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x)))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * errors
    around = float(((y - y.mean()) ** 2).sum())
    return Fit(
        coefficients=tuple(
            Coefficient(name=name, value=float(b), low=float(b - h), high=float(b + h))
            for name, b, h in zip(("constant", *names), beta, half, strict=True)
        ),
        points=len(y),
        r_squared=1 - float(residuals @ residuals) / around if around else 1.0,
        spread=variance**0.5,
        inflation=inflation,
        **shown,
    )


def _design_faults(columns: Array, names: Sequence[str], points: int) -> tuple[list[str], float]:
    """Return why no line can be drawn through any response, and the inflation."""
    constant = [name for name, column in zip(names, columns.T, strict=True) if np.ptp(column) == 0]
    if constant:
        same = " and ".join(constant)
        return [f"{same} is the same at every point, so that nothing tells what it does"], 1.0
    needed = len(names) + 1 + LEAST_FREEDOM
    if points < needed:
        return [f"there are {points} points, and {needed} are needed"], 1.0
    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    condition = float(np.linalg.cond(standard))
    inflation = _inflation(standard)
    if inflation < MOST_INFLATION and condition < MOST_CONDITION:
        return [], inflation
    why = (
        f"{' and '.join(names)} go together (variance inflation factor {inflation:.3g}, allowed "
        f"below {MOST_INFLATION:g}; condition number {condition:.3g}, allowed below "
        f"{MOST_CONDITION:g}), so that their parts cannot be told apart"
    )
    return [why], inflation


def _inflation(standard: Array) -> float:
    if standard.shape[1] == 1:
        return 1.0
    correlation = np.corrcoef(standard, rowvar=False)
    if np.linalg.matrix_rank(correlation) < standard.shape[1]:
        return float("inf")
    return float(np.diag(np.linalg.inv(correlation)).max())
