"""Lines fitted through points, and the reasons for which a fit is refused."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from clientapp.lab.analysis.fit import Fit, NoFit, fit

SIZES, CLIENTS = (
    [float(pair[part]) for pair in product((5, 20, 50), (10, 100, 500), (1, 2, 3))]
    for part in (0, 1)
)
"""A grid with three repeats: the predictors are uncorrelated."""
NOISE = np.random.default_rng(20261124).normal(0, 0.001, len(SIZES))
GRID = {"block size": SIZES, "clients": CLIENTS}


def line(noise: np.ndarray) -> list[float]:
    """Return 0.2 s, plus 0.1 s per message and 0.00002 s per client, plus *noise*."""
    return list(0.2 + 0.1 * np.array(SIZES) + 2e-5 * np.array(CLIENTS) + noise)


def refused(outcome: Fit | NoFit) -> str:
    """Return the reasons why *outcome* is not a fit."""
    assert isinstance(outcome, NoFit)
    return "; ".join(outcome.reasons)


def test_line_matches_a_textbook_example() -> None:
    """
    One predictor is fitted as the textbook formulas say.

    For x = 1..8 and y = 2x + 1 + (1, -1, -2, 2, 2, -2, -1, 1) the slope is 2, the intercept 1, the
    residual sum of squares 20 with 6 degrees of freedom, so that the slope's error is sqrt(20 / 6
    / 42) and t(0.975, 6) = 2.446912.
    """
    x = [float(value) for value in range(1, 9)]
    off = (1, -1, -2, 2, 2, -2, -1, 1)
    outcome = fit([2 * a + 1 + b for a, b in zip(x, off, strict=True)], {"x": x})
    assert isinstance(outcome, Fit)
    constant, slope = outcome.coefficients
    assert (constant.name, slope.name) == ("constant", "x")
    assert (constant.value, slope.value) == pytest.approx((1, 2))
    half = 2.446912 * (20 / 6 / 42) ** 0.5
    assert (slope.low, slope.high) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    assert outcome.spread == pytest.approx((20 / 6) ** 0.5)
    assert outcome.residuals == pytest.approx(off, abs=1e-12)
    assert outcome.r_squared == pytest.approx(1 - 20 / 188)
    assert (outcome.points, outcome.inflation) == (8, 1.0)


def test_a_known_dependence_is_found() -> None:
    """The true coefficients lie in their intervals; a grid has no variance inflation."""
    outcome = fit(line(NOISE), GRID)
    assert isinstance(outcome, Fit)
    for coefficient, true in zip(outcome.coefficients, (0.2, 0.1, 2e-5), strict=True):
        assert coefficient.low < true < coefficient.high
    assert outcome.inflation == pytest.approx(1.0)


def test_exact_line_is_accepted() -> None:
    """Residuals that are only rounding errors are not examined."""
    assert isinstance(fit(line(np.zeros(len(SIZES))), GRID), Fit)


def test_correlated_predictors_are_refused() -> None:
    """If more clients always come with larger blocks, the two effects cannot be separated."""
    together = [size * 10 + 0.1 * number for number, size in enumerate(SIZES)]
    why = refused(fit(line(NOISE), {"block size": SIZES, "clients": together}))
    said = r"block size and clients are correlated .* factor \d.* condition number \d"
    assert re.search(said, why)


def test_the_same_predictor_twice_is_refused() -> None:
    """Perfect correlation has an infinite inflation factor and does not crash."""
    why = refused(fit(line(NOISE), {"block size": SIZES, "clients": [2 * s for s in SIZES]}))
    assert "variance inflation factor inf" in why


def test_a_constant_predictor_is_refused() -> None:
    """With a single number of clients their effect cannot be estimated."""
    why = refused(fit(line(NOISE), {"block size": SIZES, "clients": [10.0] * len(SIZES)}))
    assert why.startswith("clients is the same at every point")


def test_too_few_points_are_refused() -> None:
    """The sentence gives the number of points and the number needed."""
    outcome = fit([1.0, 2.0, 3.0], {"a": [1.0, 2.0, 3.0], "b": [1.0, 3.0, 2.0]})
    assert refused(outcome) == "there are 3 points, and 8 are needed"


def test_a_wrong_form_is_refused() -> None:
    """A curve that is nearly a line is not reported as one; its residuals are kept for the plot."""
    curve = np.array(line(NOISE)) + 1e-4 * np.array(SIZES) ** 2
    outcome = fit(list(curve), GRID)
    assert "wrong form" in refused(outcome)
    assert isinstance(outcome, NoFit)
    assert len(outcome.residuals) == len(SIZES)


def test_growing_spread_is_refused() -> None:
    """If noise grows with the clients, intervals from one spread would be wrong."""
    noisy = NOISE * np.array(CLIENTS) ** 2 / 1000
    assert "spread of the residuals" in refused(fit(line(noisy), GRID))


def test_outlier_is_refused() -> None:
    """A repeat that went wrong cannot bend the line unnoticed."""
    spoilt = NOISE.copy()
    spoilt[13] = 0.5
    assert "not normal" in refused(fit(line(spoilt), GRID))
