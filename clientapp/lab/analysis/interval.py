"""The confidence interval of a mean over repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

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
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    half = float(special.stdtrit(len(means) - 1, (1 + CONFIDENCE) / 2)) * error
    return Interval(centre - half, centre + half)
