"""Arrays: shapes, types, and the distribution of numbers."""

import json
from statistics import fmean, pstdev
from typing import Any

import pytest

from feeds.sources import CHUNK, make_source
from feeds.sources.arrays import FLOATS, INTEGERS, MAX_ITEMS

EXACT = 2**53 - 1


def records(count: int = CHUNK, **spec: Any) -> list[bytes]:
    """Return the first records of seed 1."""
    return make_source("arrays", spec, 1).records(1, count)


def numbers(**spec: Any) -> list[Any]:
    """Return the numbers of many records, in one list."""
    return [number for record in records(40 * CHUNK, **spec) for number in json.loads(record)]


def test_default_record_is_ten_integers() -> None:
    """By default a record is a flat array of ten integers, and has no fields."""
    record = json.loads(records()[0])

    assert [type(number) for number in record] == [int] * 10
    assert make_source("arrays", {}, 1).fields == ()


@pytest.mark.parametrize(
    ("shape", "lengths"), [([1], (1,)), ([2, 3], (2, 3)), ([4, 1, 2], (4, 1, 2))]
)
def test_shape_nests_arrays(shape: list[int], lengths: tuple[int, ...]) -> None:
    """The first length is the outermost one."""
    for record in records(shape=shape):
        level = json.loads(record)
        for length in lengths:
            assert len(level) == length
            level = level[0]
        assert isinstance(level, int)


def test_shape_does_not_change_numbers() -> None:
    """The same seed has the same numbers, however they are nested."""
    flat = [json.loads(record) for record in records(shape=[6])]
    nested = [json.loads(record) for record in records(shape=[2, 3])]

    assert flat == [[*upper, *lower] for upper, lower in nested]


def test_integers_go_from_low_to_below_high() -> None:
    """The range is half open, as in Python and numpy, and every value in it occurs."""
    assert {*numbers(low=-3, high=4)} == {*range(-3, 4)}


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_takes_the_default_range(dtype: str) -> None:
    """The type never changes the numbers; it says what a reader must be able to hold."""
    assert records() == records(dtype=dtype)


def test_the_widest_range_stays_exact() -> None:
    """The numbers of the widest range lie within it and on both sides of zero."""
    wide = numbers(low=-EXACT, high=EXACT + 1)

    assert -EXACT <= min(wide) < -(2**52)
    assert 2**52 < max(wide) <= EXACT


def test_uniform_numbers_fill_their_range() -> None:
    """The numbers lie between low and high, average in the middle, and have the given decimals."""
    found = numbers(distribution="uniform", low=-2, high=6, decimals=2)

    assert {round(number, 2) for number in found} == {*found}
    assert (min(found), max(found)) == (-2.0, 6.0)
    assert fmean(found) == pytest.approx(2, abs=0.05)


def test_normal_numbers_have_mean_and_deviation() -> None:
    """The numbers have the given mean and deviation, as a normal distribution does."""
    found = numbers(distribution="normal", mean=50, deviation=10, decimals=1)
    within_one = sum(40 <= number <= 60 for number in found) / len(found)

    assert fmean(found) == pytest.approx(50, abs=0.1)
    assert pstdev(found) == pytest.approx(10, abs=0.1)
    assert within_one == pytest.approx(0.683, abs=0.01)
    assert min(found) < 15
    assert max(found) > 85


@pytest.mark.parametrize("dtype", FLOATS)
def test_rounding_leaves_no_negative_zero(dtype: str) -> None:
    """A small negative number is rounded to 0.0."""
    small = records(distribution="normal", deviation=0.001, decimals=1, dtype=dtype)

    assert {b"[" + b",".join([b"0.0"] * 10) + b"]"} == {*small}


def test_float32_is_written_short() -> None:
    """A float32 is written with the digits it was rounded to, not with those of a float64."""
    found = numbers(distribution="uniform", decimals=3, dtype="float32")

    assert {round(number, 3) for number in found} == {*found}


def test_largest_record_fits_a_frame() -> None:
    """The most numbers with the most digits take less than 32 KiB."""
    largest = records(
        shape=[MAX_ITEMS], distribution="uniform", low=-EXACT, high=EXACT, decimals=12
    )

    assert max(map(len, largest)) < 32 * 1024
