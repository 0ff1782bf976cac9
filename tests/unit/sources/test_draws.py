"""Random words, and their spread over a range."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.sources.draws import below, draw

WORD = st.integers(0, 2**64 - 1)
MOST = 2**64 - 1


@given(st.lists(WORD, min_size=1, max_size=20), st.integers(1, MOST))
@example([0, MOST], MOST)
@example([MOST, 2**32 - 1, 2**32], 2**32)
def test_spreading_is_the_upper_half_of_the_product(words: list[int], bound: int) -> None:
    """The result is exactly the word times the bound divided by 2**64, for all values."""
    expected = [word * bound >> 64 for word in words]

    assert below(np.array(words, dtype=np.uint64), bound).tolist() == expected


def test_each_row_may_have_its_own_bound() -> None:
    """A column of bounds spreads each row of words over its own range."""
    words = np.array([[0, MOST], [0, MOST]], dtype=np.uint64)
    bounds = np.array([[10], [2**40]], dtype=np.uint64)

    assert below(words, bounds).tolist() == [[0, 9], [0, 2**40 - 1]]


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**45), st.integers(1, 50), st.integers(1, 50))
def test_longer_draw_starts_with_the_shorter_one(
    seed: int, chunk: int, few: int, more: int
) -> None:
    """Drawing more from a chunk does not change what is drawn first."""
    assert draw(seed, chunk, few).tolist() == draw(seed, chunk, few + more)[:few].tolist()


def test_seed_and_chunk_are_not_interchangeable() -> None:
    """Chunk 2 of seed 1 differs from chunk 1 of seed 2."""
    assert draw(1, 2, 4).tolist() != draw(2, 1, 4).tolist()
