"""Latencies in buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.lab.swarm.histogram import Histogram


def seen(*seconds: float) -> Histogram:
    """Return a histogram of latencies."""
    histogram = Histogram()
    for latency in seconds:
        histogram.add(latency)
    return histogram


def test_percentiles_are_by_nearest_rank() -> None:
    """A percentile is a measured value, precise to about two digits."""
    histogram = seen(*(number / 1000 for number in range(1, 101)))
    assert histogram.total == 100
    assert histogram.percentile(50) == pytest.approx(0.050, rel=1 / 64)
    assert histogram.percentile(99) == pytest.approx(0.099, rel=1 / 64)
    assert histogram.percentile(100) == pytest.approx(0.100, rel=1 / 64)
    assert histogram.percentile(0) == pytest.approx(0.001, rel=1 / 64)


def test_small_and_negative_latencies_are_exact() -> None:
    """Single microseconds are distinguished, even if a clock is ahead."""
    histogram = seen(0.000_003, 0.000_127, -0.000_005)
    assert histogram.percentile(1) == -0.000_005
    assert histogram.percentile(50) == 0.000_003
    assert histogram.percentile(100) == 0.000_127


def test_empty_histogram_has_no_percentile() -> None:
    """A percentile of an empty histogram is an error."""
    with pytest.raises(ValueError, match="nothing was counted"):
        Histogram().percentile(50)


@given(st.lists(st.floats(-100, 1000), min_size=1), st.lists(st.floats(-100, 1000)))
def test_merged_histogram_counts_all_values(one: list[float], other: list[float]) -> None:
    """A merged histogram equals one of all values; none is off by more than 1/64."""
    merged = seen(*one)
    merged.merge(Histogram(dict(seen(*other).counts)))
    assert merged.counts == seen(*one, *other).counts
    largest = max(one + other)
    assert merged.percentile(100) == pytest.approx(largest, rel=1 / 64, abs=0.000_001)
