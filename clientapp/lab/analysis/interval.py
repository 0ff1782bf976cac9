"""A mean with the confidence that repeats give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a mean lies, with a confidence of `CONFIDENCE`."""

    low: float
    high: float


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
