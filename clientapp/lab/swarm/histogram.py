"""
Latencies counted in buckets, so that millions of them take little memory.

Histograms of many clients add up to one, which percentiles of percentiles do
not. The buckets are those of an HDR histogram (Tene, hdrhistogram.org) of two
digits: each spans 1/64 of its value at most, and single microseconds up to 127.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...figures.ranks import rank

BITS = 7
"""Of a value that its bucket keeps: an error of 1/64 at most."""


class Histogram:
    """How often each latency was seen, to two digits."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Go on with *counts* of another histogram, by bucket."""
        self.counts = Counter(counts or {})
        """Per bucket, by its lowest value in microseconds."""

    @property
    def total(self) -> int:
        """How many latencies were seen."""
        return self.counts.total()

    def add(self, seconds: float) -> None:
        """Count a latency; a clock that is ahead makes it negative."""
        self.counts[_bucket(round(seconds * 1_000_000))] += 1

    def merge(self, other: Histogram) -> None:
        """Count all that *other* has seen."""
        self.counts.update(other.counts)

    def percentile(self, percent: float) -> float:
        """
        Return the seconds that *percent* of all latencies do not exceed.

        By nearest rank, and as the lowest value of its bucket. Raises
        ValueError where nothing was seen.
        """
        if not self.counts:
            raise ValueError("nothing was seen")
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
