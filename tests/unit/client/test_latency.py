"""Percentiles of latencies."""

import pytest

from clientapp.core.latency import summarise
from clientapp.figures.ranks import nearest_rank
from clientapp.wire.report import Latency


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 15), (30, 20), (40, 20), (50, 35), (99, 50), (100, 50)]
)
def test_nearest_rank(percent: int, expected: float) -> None:
    """The percentile p is the smallest value with at least p % of all values at or below it."""
    assert nearest_rank([15, 20, 35, 40, 50], percent) == expected


def test_summary_of_one() -> None:
    """With a single latency, every percentile is that latency."""
    assert summarise([0.5]) == Latency(p50=0.5, p99=0.5, max=0.5)


def test_summary_sorts() -> None:
    """The order does not matter; a latency may be negative, by a clock behind the server's."""
    assert summarise([3.0, -1.0, 2.0]) == Latency(p50=2.0, p99=3.0, max=3.0)
