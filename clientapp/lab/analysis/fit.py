"""
A straight line fitted to measurements, or the reasons to refuse one.

Ordinary least squares: https://en.wikipedia.org/wiki/Ordinary_least_squares.
A fit is refused if its predictors cannot be told apart, or if its residuals
contradict it: its numbers would look exact, but mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .interval import CONFIDENCE
from .residuals import complaints

LEAST_FREEDOM = 5
"""Points beyond the coefficients; with fewer, residuals cannot test the fit."""
MOST_INFLATION = 5.0
"""Variance inflation factor; above it, the other predictors explain over 80 % of one."""
MOST_CONDITION = 30.0
"""Condition number of the standardised predictors: the usual sign of collinearity."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """The increase of the response per unit of a predictor."""

    name: str
    value: float
    low: float
    high: float
    """The confidence interval; see `CONFIDENCE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A line that the points support."""

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
    """A fit that was refused, with the reasons."""

    reasons: tuple[str, ...]
    """Sentences, without a full stop."""
    fitted: tuple[float, ...] = ()
    residuals: tuple[float, ...] = ()
    """Residuals of the refused line; empty if no line could be computed."""


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
    half = special.stdtrit(freedom, (1 + CONFIDENCE) / 2) * errors
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
    """Return the reasons against a fit with these predictors, and the predictors' inflation."""
    constant = [name for name, column in zip(names, columns.T, strict=True) if np.ptp(column) == 0]
    if constant:
        same = " and ".join(constant)
        return [f"{same} is the same at every point, so its effect cannot be estimated"], 1.0
    needed = len(names) + 1 + LEAST_FREEDOM
    if points < needed:
        return [f"there are {points} points, and {needed} are needed"], 1.0
    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    condition = float(np.linalg.cond(standard))
    inflation = _inflation(standard)
    if inflation < MOST_INFLATION and condition < MOST_CONDITION:
        return [], inflation
    why = (
        f"{' and '.join(names)} are correlated (variance inflation factor {inflation:.3g}, allowed "
        f"below {MOST_INFLATION:g}; condition number {condition:.3g}, allowed below "
        f"{MOST_CONDITION:g}), so their effects cannot be told apart"
    )
    return [why], inflation


def _inflation(standard: Array) -> float:
    if standard.shape[1] == 1:
        return 1.0
    correlation = np.corrcoef(standard, rowvar=False)
    if np.linalg.matrix_rank(correlation) < standard.shape[1]:
        return float("inf")
    return float(np.diag(np.linalg.inv(correlation)).max())
