"""Percentiles over blocks, and a mean with the confidence that repeats give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Many values in a few numbers."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a mean lies, with a confidence of `CONFIDENCE`."""

    low: float
    high: float


def distribution(values: Sequence[float]) -> Distribution:
    """
    Return the figures of *values*, which must not be empty.

    Percentiles by nearest rank: each one is a value that was measured. One
    that asks for more values than there are is the largest.
    """
    seconds = np.asarray(values, dtype=float)
    p50, p90, p99, p999 = np.quantile(seconds, (0.5, 0.9, 0.99, 0.999), method="inverted_cdf")
    return Distribution(
        count=len(seconds),
        p50=float(p50),
        p90=float(p90),
        p99=float(p99),
        p999=float(p999),
        max=float(seconds.max()),
    )


def interval(means: Sequence[float]) -> Interval | None:
    """
    Return where the mean of *means* lies; None where one value alone says.

    Student's t over independent repeats, each of which gave one mean.
    """
    if len(means) < 2:
        return None
    centre = math.fsum(means) / len(means)
    error = float(stats.sem(means))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1)) * error
    return Interval(centre - half, centre + half)
