"""The digest of lines: pinned, sensitive to every change, and computed for ranges."""

import json
from functools import reduce
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import digest

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "digest.json").read_text(encoding="utf-8")
)

checksums = st.lists(st.integers(0, 2**32 - 1), max_size=8)
lines = st.lists(st.binary(max_size=6), max_size=12)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["about"])
def test_digest_matches_the_vectors(vector: dict[str, Any]) -> None:
    """Checksums and digests are the same in every language."""
    made = [line.encode() for line in vector["lines"]]
    assert [crc32(line) for line in made] == vector["crc32"]
    assert digest.format_digest(digest.digest_of(made)) == vector["digest"]


@given(lines, st.integers(0, 12), st.integers(0, 12))
def test_two_prefixes_give_a_range(all_lines: list[bytes], start: int, end: int) -> None:
    """The digest of a range depends on its lines alone."""
    start, end = sorted((min(start, len(all_lines)), min(end, len(all_lines))))
    before, after = digest.digest_of(all_lines[:start]), digest.digest_of(all_lines[:end])
    assert digest.between(before, after, end - start) == digest.digest_of(all_lines[start:end])


@given(
    st.lists(st.integers(0, 2**32 - 1), max_size=8), st.lists(st.integers(0, 2**32 - 1), max_size=8)
)
def test_different_checksums_have_different_digests(one: list[int], other: list[int]) -> None:
    """Missing, duplicated, altered or reordered checksums change the digest."""
    digests = [reduce(digest.extend, crcs, digest.EMPTY) for crcs in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


@pytest.mark.parametrize("crcs", [[0], [0, 0], [0, 1], [1, 0]])
def test_checksum_of_zero_counts(crcs: list[int]) -> None:
    """Lines whose checksum is 0 change the digest."""
    assert reduce(digest.extend, crcs, digest.EMPTY) not in {0, *crcs}
