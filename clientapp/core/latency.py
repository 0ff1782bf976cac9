"""Percentiles of latencies."""

from __future__ import annotations

from collections.abc import Sequence

from ..figures.ranks import nearest_rank
from ..wire.report import Latency


def summarise(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of *seconds*, which must not be empty."""
    ordered = sorted(seconds)
    return Latency(p50=nearest_rank(ordered, 50), p99=nearest_rank(ordered, 99), max=ordered[-1])
