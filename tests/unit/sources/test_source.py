"""The contract of every source."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.sources import CHUNK, MAX_SEED, Source, make_source
from feeds.sources.source import KEPT_CHUNKS
from feeds.sources.spec import Spec

SOURCES = [
    make_source("users", {"fields": ["name", "date_of_birth"], "locale": "it_IT"}, 3),
    make_source("arrays", {}, 3),
    make_source("arrays", {"shape": [2, 2], "distribution": "normal", "dtype": "float32"}, 3),
]
EVERY_RECORD = {source: source.records(1, 6 * CHUNK) for source in SOURCES}


class Letters(Source):
    """A source of one letter, which records the chunks it makes."""

    kind = "letters"

    def __init__(self, letter: str = "a", seed: int = 1, words: tuple[bytes, ...] = ()) -> None:
        super().__init__({"case": "lower"}, seed)
        self.made: list[int] = []
        self._letter = letter
        self._words = words

    @classmethod
    def schema(cls, spec: Spec) -> dict[str, Any]:
        """Describe any text."""
        return {"type": "string"}

    @classmethod
    def check(cls, spec: Spec) -> dict[str, Any]:
        """Accept any spec."""
        return dict(spec)

    @property
    def vocabulary(self) -> Iterable[bytes]:
        """The words it was given."""
        return self._words

    def make_chunk(self, number: int) -> list[bytes]:
        """Return the same record many times."""
        self.made.append(number)
        return [b'"%b%d"' % (self._letter.encode(), number)] * CHUNK


@given(st.sampled_from(SOURCES), st.integers(1, 4 * CHUNK), st.integers(0, 2 * CHUNK))
def test_random_access_equals_sequential_access(source: Source, first: int, count: int) -> None:
    """Any range equals that part of a read from the start."""
    expected = EVERY_RECORD[source][first - 1 : first - 1 + count]

    assert source.records(first, count) == expected


@pytest.mark.parametrize("source", SOURCES)
def test_far_offset_needs_no_earlier_ones(source: Source) -> None:
    """The largest offset of the protocol has a record, made without the records before it."""
    far = 2**53 - 1

    assert source.records(far, 1) == source.records(far - CHUNK, CHUNK + 1)[-1:]


def test_small_reads_make_a_chunk_once() -> None:
    """Reading two chunks one record at a time makes two chunks."""
    source = Letters()
    for offset in range(1, 2 * CHUNK + 1):
        source.records(offset, 1)

    assert source.made == [0, 1]


def test_kept_chunks_are_bounded() -> None:
    """A chunk that was evicted from the cache is generated again."""
    source = Letters()
    for chunk in (*range(KEPT_CHUNKS + 1), 0):
        source.records(chunk * CHUNK + 1, 1)

    assert source.made == [*range(KEPT_CHUNKS + 1), 0]


def test_returned_list_belongs_to_the_caller() -> None:
    """Changing the returned list does not change the source."""
    source = Letters()
    source.records(1, CHUNK).clear()

    assert len(source.records(1, CHUNK)) == CHUNK


@pytest.mark.parametrize("source", SOURCES)
def test_the_epoch_is_twelve_hexadecimal_digits(source: Source) -> None:
    """An epoch has the form that the protocol requires."""
    assert re.fullmatch("[0-9a-f]{12}", source.epoch)


@pytest.mark.parametrize(
    "other",
    [
        Letters(seed=2),
        Letters(letter="b"),
        Letters(words=(b"a", b"bc")),
        Letters(words=(b"ab", b"c")),
    ],
)
def test_epoch_depends_on_recipe_and_output(other: Letters) -> None:
    """A different seed, word or record gives a different epoch."""
    epochs = {Letters().epoch, Letters(words=(b"abc",)).epoch, other.epoch}

    assert len(epochs) == 3


@pytest.mark.parametrize(
    ("kind", "spelled_out"),
    [
        (
            "arrays",
            {
                "high": 100,
                "low": 0,
                "distribution": "integers",
                "dtype": "int64",
                "shape": [10],
            },
        ),
        ("users", {"locale": "en_US"}),
    ],
)
def test_spelled_out_defaults_change_nothing(kind: str, spelled_out: dict[str, Any]) -> None:
    """The empty spec and the defaults, written in any order, give the same epoch and records."""
    terse, wordy = make_source(kind, {}, 1), make_source(kind, spelled_out, 1)

    assert (terse.epoch, terse.records(1, 3)) == (wordy.epoch, wordy.records(1, 3))


@pytest.mark.parametrize("kind", ["users", "arrays"])
@pytest.mark.parametrize("seed", [0, MAX_SEED])
def test_smallest_and_largest_seed_are_allowed(kind: str, seed: int) -> None:
    """Seed 0 and the largest seed make records of their own."""
    source, other = make_source(kind, {}, seed), make_source(kind, {}, 1)

    assert source.records(1, 1) != other.records(1, 1)
    assert source.epoch != other.epoch
