"""Percentiles and confidence, held against values worked out by hand."""

from __future__ import annotations

import pytest

from clientapp.core.analysis.figures import distribution, interval
from clientapp.core.latency import nearest_rank


def test_figures_of_a_thousand_values() -> None:
    """A percentile is the value at its rank."""
    figures = distribution([float(value) for value in range(1000, 0, -1)])
    assert (figures.count, figures.max) == (1000, 1000)
    assert (figures.p50, figures.p90, figures.p99, figures.p999) == (500, 900, 990, 999)


def test_figures_of_one_value() -> None:
    """One value is every percentile."""
    figures = distribution([0.25])
    assert {figures.p50, figures.p90, figures.p999, figures.max} == {0.25}


@pytest.mark.parametrize("count", [*range(1, 120), 999, 1001])
def test_percentiles_agree_with_the_clients_own(count: int) -> None:
    """The report ranks as the client ranks the latencies of a block."""
    values = [float(value) for value in range(count)]
    figures = distribution(values)
    assert figures.p50 == nearest_rank(values, 50)
    assert figures.p90 == nearest_rank(values, 90)
    assert figures.p99 == nearest_rank(values, 99)


def test_interval_by_hand() -> None:
    """Of 1, 2 and 3: the mean 2, the error 1 / sqrt(3), and t(0.975, 2) = 4.3027."""
    found = interval([1.0, 2.0, 3.0])
    assert found is not None
    assert found.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)


def test_one_repeat_has_no_interval() -> None:
    """A single mean says nothing about how far off it is."""
    assert interval([1.0]) is None
