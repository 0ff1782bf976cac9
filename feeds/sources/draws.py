"""
Random numbers as a function of seed, chunk and index.

Only the raw 64-bit words of numpy's Philox are used: its definition fixes them,
whereas the streams of numpy's ``Generator`` methods may change with any
release. Everything derived from them is integer arithmetic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_HALF = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)


def draw(seed: int, chunk: int, count: int) -> Words:
    """
    Return the first *count* random words of one chunk.

    A larger *count* begins with the same words. *seed* and *chunk* are from 0
    to 2**64 - 1.
    """
    key = np.array((seed, chunk), dtype=np.uint64)
    return np.random.Philox(key=key).random_raw(count)


def below(words: Words, bound: int | Words) -> Words:
    """
    Spread random words evenly over 0 to *bound* - 1.

    Computes floor(word * bound / 2**64), the upper half of the 128-bit product
    (multiply-shift, Lemire 2019, https://doi.org/10.1145/3230636), from products
    of 32-bit halves. *bound* is from 1 to 2**64 - 1.
    """
    bounds = np.asarray(bound, dtype=np.uint64)
    word_high, word_low = halves(words)
    bound_high, bound_low = halves(bounds)
    carry = word_high * bound_low + (word_low * bound_low >> _HALF)
    carry_high, carry_low = halves(carry)
    return word_high * bound_high + carry_high + (word_low * bound_high + carry_low >> _HALF)


def halves(words: Words) -> tuple[Words, Words]:
    """Return the upper and the lower 32 bits of each word."""
    return words >> _HALF, words & _LOW_HALF
