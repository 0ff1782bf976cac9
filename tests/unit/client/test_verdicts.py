"""Verdicts: each block counts once, in any order of arrival."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from clientapp.core.verdicts import Verdicts

BLOCKS = st.integers(1, 8)
WORDS = st.sampled_from(["verified", "broken", "unverifiable"])


@given(st.lists(st.tuples(BLOCKS, WORDS)))
def test_last_verdict_counts(taken: list[tuple[int, str]]) -> None:
    """Each block counts under its last verdict; verdicts that no block has are left out."""
    counts: dict[str, int] = {}
    verdicts = Verdicts(counts)
    for block, verdict in taken:
        verdicts.take(block, verdict)
    last = dict(taken)
    assert counts == dict(Counter(last.values()))
    ends = sum(last.get(block) != last.get(block + 1) for block in last)
    assert verdicts.stretches == ends


def test_memory_is_bounded() -> None:
    """Consecutive blocks with the same verdict take the memory of one, even if judged again."""
    counts: dict[str, int] = {}
    verdicts = Verdicts(counts)
    for block in (*range(1, 1000), *range(1, 1000)):
        verdicts.take(block, "verified")
    verdicts.take(500, "broken")
    assert (counts, verdicts.stretches) == ({"verified": 998, "broken": 1}, 3)
    verdicts.take(500, "verified")
    assert (counts, verdicts.stretches) == ({"verified": 999}, 1)
