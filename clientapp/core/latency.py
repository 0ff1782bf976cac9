"""Percentiles of latencies."""

from __future__ import annotations

from collections.abc import Sequence

from clientapp.wire.report import Latency


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """
    Return the smallest value that *percent* of all values do not exceed.

    *ordered* is sorted and not empty. The nearest-rank method: the result is
    always a value that was measured.
    """
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def summarise(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of *seconds*, which must not be empty."""
    ordered = sorted(seconds)
    return Latency(p50=nearest_rank(ordered, 50), p99=nearest_rank(ordered, 99), max=ordered[-1])
