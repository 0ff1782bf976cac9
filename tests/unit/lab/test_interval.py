"""The confidence interval of a mean, compared with values computed by hand."""

from __future__ import annotations

import pytest

from clientapp.lab.analysis.interval import interval


def test_interval_matches_a_calculation_by_hand() -> None:
    """For 1, 2 and 3, the mean is 2, the error 1 / sqrt(3), and t(0.975, 2) = 4.3027."""
    found = interval([1.0, 2.0, 3.0])
    assert found is not None
    assert found.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)


def test_one_repeat_has_no_interval() -> None:
    """The error of a single mean is unknown."""
    assert interval([1.0]) is None
