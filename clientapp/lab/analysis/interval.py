"""The confidence interval of a mean over repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The range that contains a mean with a confidence of `CONFIDENCE`."""

    low: float
    high: float


def interval(means: Sequence[float]) -> Interval | None:
    """
    Return the interval of the mean of *means*; None for a single value.

    By Student's t over independent repeats, with one mean each.
    """
    if len(means) < 2:
        return None
    centre = math.fsum(means) / len(means)
    error = float(stats.sem(means))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1)) * error
    return Interval(centre - half, centre + half)
