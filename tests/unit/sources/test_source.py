"""What every source promises, whatever its kind."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
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
    """A source of one letter, which counts the chunks it makes."""

    kind = "letters"

    def __init__(self, letter: str = "a", seed: int = 1, words: tuple[bytes, ...] = ()) -> None:
        super().__init__({"case": "lower"}, seed)
        self.made: list[int] = []
        self._letter = letter
        self._words = words

    @classmethod
    def check(cls, spec: Spec) -> dict[str, Any]:
        """Allow everything."""
        return dict(spec)

    @property
    def vocabulary(self) -> Iterable[bytes]:
        """The words it was given."""
        return self._words

    def make_chunk(self, number: int) -> list[bytes]:
        """Return one record, many times."""
        self.made.append(number)
        return [b'"%b%d"' % (self._letter.encode(), number)] * CHUNK


@settings(deadline=None)
@given(st.sampled_from(SOURCES), st.integers(1, 4 * CHUNK), st.integers(0, 2 * CHUNK))
def test_random_access_equals_sequential_access(source: Source, first: int, count: int) -> None:
    """Any stretch is the same as that part of a read from the start."""
    expected = EVERY_RECORD[source][first - 1 : first - 1 + count]

    assert source.records(first, count) == expected


@pytest.mark.parametrize("source", SOURCES)
def test_a_far_offset_is_reached_at_once(source: Source) -> None:
    """The largest offset of the protocol has a record, made without those before it."""
    far = 2**53 - 1

    assert source.records(far, 1) == source.records(far - CHUNK, CHUNK + 1)[-1:]


def test_small_reads_make_a_chunk_once() -> None:
    """Reading one by one through two chunks makes two chunks."""
    source = Letters()
    for offset in range(1, 2 * CHUNK + 1):
        source.records(offset, 1)

    assert source.made == [0, 1]


def test_only_some_chunks_are_kept() -> None:
    """A chunk is made again after as many others as are kept."""
    source = Letters()
    for chunk in (*range(KEPT_CHUNKS + 1), 0):
        source.records(chunk * CHUNK + 1, 1)

    assert source.made == [*range(KEPT_CHUNKS + 1), 0]


def test_what_a_reader_does_to_its_records_stays_with_it() -> None:
    """The list that is returned is the caller's own."""
    source = Letters()
    source.records(1, CHUNK).clear()

    assert len(source.records(1, CHUNK)) == CHUNK


@pytest.mark.parametrize("source", SOURCES)
def test_the_epoch_is_twelve_hexadecimal_digits(source: Source) -> None:
    """An epoch has the form that the protocol wants."""
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
def test_the_epoch_follows_the_recipe_and_what_comes_of_it(other: Letters) -> None:
    """Another seed, word or record is another epoch."""
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
def test_a_default_that_is_spelled_out_changes_nothing(
    kind: str, spelled_out: dict[str, Any]
) -> None:
    """The empty spec and its defaults in any order have one epoch and the same records."""
    terse, wordy = make_source(kind, {}, 1), make_source(kind, spelled_out, 1)

    assert (terse.epoch, terse.records(1, 3)) == (wordy.epoch, wordy.records(1, 3))


@pytest.mark.parametrize("kind", ["users", "arrays"])
@pytest.mark.parametrize("seed", [0, MAX_SEED])
def test_the_ends_of_the_range_of_seeds_are_allowed(kind: str, seed: int) -> None:
    """Seed 0 and the largest make records of their own."""
    source, other = make_source(kind, {}, seed), make_source(kind, {}, 1)

    assert source.records(1, 1) != other.records(1, 1)
    assert source.epoch != other.epoch
