"""
Latencies counted in buckets, so that millions of them take little memory.

Histograms of many clients can be added up; percentiles cannot. The buckets are
those of an HDR histogram (Tene, hdrhistogram.org) with two digits: each spans at
most 1/64 of its value, and a single microsecond up to 127.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...figures.ranks import rank

BITS = 7
"""Bits of a value that its bucket keeps: an error of at most 1/64."""


class Histogram:
    """The count of each latency, to two digits."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Start with the *counts* of another histogram, by bucket."""
        self.counts = Counter(counts or {})
        """Count per bucket, by the lowest value of the bucket in microseconds."""

    @property
    def total(self) -> int:
        """The number of latencies counted."""
        return self.counts.total()

    def add(self, seconds: float) -> None:
        """Count a latency; it is negative if a clock is ahead."""
        self.counts[_bucket(round(seconds * 1_000_000))] += 1

    def merge(self, other: Histogram) -> None:
        """Add the counts of *other*."""
        self.counts.update(other.counts)

    def percentile(self, percent: float) -> float:
        """
        Return the latency, in seconds, that *percent* % of all latencies do not exceed.

        By nearest rank, as the lowest value of its bucket. Raises ValueError if
        nothing was counted.
        """
        if not self.counts:
            raise ValueError("nothing was counted")
        left = rank(percent, self.total)
        for value in sorted(self.counts):
            left -= self.counts[value]
            if left <= 0:
                break
        return value / 1_000_000


def _bucket(microseconds: int) -> int:
    """Return the value nearest to zero in the bucket of *microseconds*."""
    size = abs(microseconds)
    shift = max(0, size.bit_length() - BITS)
    lowest = size >> shift << shift
    return lowest if microseconds >= 0 else -lowest
