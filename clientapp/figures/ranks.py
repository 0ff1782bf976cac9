"""Percentiles by nearest rank: each one is a measured value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, fsum


def rank(percent: float, count: int) -> int:
    """Return the rank, from 1, of the value for *percent* among *count* sorted values."""
    # In thousandths: 99.9 has no exact binary form, and could round up to the next rank.
    return max(1, ceil(round(percent * 1000) * count / 100_000))


def nearest_rank(ordered: Sequence[float], percent: float) -> float:
    """
    Return the smallest value with at least *percent* % of all values at or below it.

    *ordered* must be sorted and not empty.
    """
    return ordered[rank(percent, len(ordered)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A summary of many values."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


def spread(values: Iterable[float]) -> Spread | None:
    """Return the figures of *values*; None if there are no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p90, p99, p999 = (nearest_rank(ordered, percent) for percent in (50, 90, 99, 99.9))
    return Spread(
        count=len(ordered),
        mean=fsum(ordered) / len(ordered),
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=ordered[-1],
    )


def figure(figures: Spread | None, name: str) -> float | None:
    """Return the figure called *name*; None if nothing was measured."""
    return None if figures is None else float(getattr(figures, name))
