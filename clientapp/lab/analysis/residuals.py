"""
Objections to a fit, from its residuals.

Three usual tests, each at the level `LEVEL`: Ramsey's RESET with squares and
products of the predictors (is the form wrong?), Breusch and Pagan's in
Koenker's form (does the spread change with them?), Shapiro and Wilk's (do a
few points lie far from the rest?).
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import special

LEVEL = 0.01
"""Each test refuses a sound fit once in a hundred times."""
ROUNDING = 1e-9
"""Residuals this small relative to the response are rounding errors."""

Array = NDArray[np.float64]


def complaints(x: Array, y: Array, residuals: Array) -> list[str]:
    """
    Return the objections to the fit of *y* on the columns of *x*, as sentences.

    The first column of *x* is the constant; there are more points than columns.
    """
    if np.abs(residuals).max() <= ROUNDING * max(1.0, float(np.abs(y).max())):
        return []
    from scipy import stats  # noqa: PLC0415  it takes a second to import

    found = [
        ("a straight line has the wrong form: squares and products explain more", _form(x, y)),
        ("the spread of the residuals changes with the predictors", _spread(x, residuals)),
        (
            "a few points are outliers, so the residuals are not normal",
            float(stats.shapiro(residuals).pvalue),
        ),
    ]
    return [f"{says} (p = {p:.2g}, allowed from {LEVEL:g})" for says, p in found if p < LEVEL]


def _form(x: Array, y: Array) -> float:
    standard = (x[:, 1:] - x[:, 1:].mean(axis=0)) / x[:, 1:].std(axis=0)
    products = [
        standard[:, a] * standard[:, b]
        for a, b in combinations_with_replacement(range(standard.shape[1]), 2)
    ]
    wider = np.column_stack([x, *products])
    more = int(np.linalg.matrix_rank(wider)) - x.shape[1]
    freedom = len(y) - x.shape[1] - more
    if more == 0 or freedom < 1:
        return 1.0
    narrow_rss, wide_rss = _rss(x, y), _rss(wider, y)
    ratio = (narrow_rss - wide_rss) / more / (wide_rss / freedom)
    return float(special.fdtrc(more, freedom, ratio))


def _spread(x: Array, residuals: Array) -> float:
    squares = residuals**2
    around = float(((squares - squares.mean()) ** 2).sum())
    if around == 0:
        return 1.0
    explained = 1 - _rss(x, squares) / around
    return float(special.chdtrc(x.shape[1] - 1, len(squares) * explained))


def _rss(x: Array, y: Array) -> float:
    off = y - x @ np.linalg.lstsq(x, y)[0]
    return float(off @ off)
