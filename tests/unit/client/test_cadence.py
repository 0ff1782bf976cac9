"""The rates of feeds, inferred from the intended times of their messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.core.cadence import Cadence
from feeds.core.schedule import Recipe, Schedule, Segment

RECIPE = Recipe("users", "{}", 1)
START = 1_795_000_000_000_000


def segment(first: int, started_us: int, rate_milli: int) -> Segment:
    """Return a stretch of a schedule."""
    return Segment(RECIPE, "0123456789ab", first, started_us, rate_milli)


def rates_of(schedule: Schedule, first: int, last: int, size: int, told: float) -> list[object]:
    """Return the rate of each block of *size* offsets after a welcome with the rates *told*."""
    cadence = Cadence()
    cadence.begin({"users": told})
    found: list[object] = []
    for offset in range(first, last + 1):
        cadence.take("users", offset, schedule.at(offset))
        if (offset - first + 1) % size == 0:
            found.append(cadence.finish()["users"])
    return found


@given(rate_milli=st.integers(1, 1_000_000_000), first=st.integers(1, 10_000))
def test_welcome_rate_is_kept_while_it_explains_the_times(rate_milli: int, first: int) -> None:
    """Rounding to microseconds never looks like a change of rate, at any rate."""
    schedule = Schedule([segment(1, START, rate_milli)])
    told = rate_milli / 1000
    assert rates_of(schedule, first, first + 8, 3, told) == [told] * 3


@pytest.mark.parametrize("rate", [0.25, 1.0, 5.0, 7.25, 100.0, 1000.0, 10_000.0])
@pytest.mark.parametrize("size", [2, 3, 10])
def test_changed_rate_is_found_from_the_times(rate: float, size: int) -> None:
    """The block in which the rate changes has no rate; the next one has the new rate."""
    step = 333_333
    changed = segment(11, START + 9 * step + 700_000, round(rate * 1000))
    schedule = Schedule([segment(1, START, 3000), changed])
    found = rates_of(schedule, 11 - size + 1, 11 + 3 * size, size, 3.0)
    assert found[0] in {None, 3.0}
    assert found[1:] == [rate] * (len(found) - 1)


def test_block_with_a_pause_has_no_rate() -> None:
    """A block that spans a pause has no single rate; the next block has the old rate again."""
    schedule = Schedule([segment(1, START, 1000), segment(3, START + 9_876_543, 1000)])
    assert rates_of(schedule, 1, 6, 3, 1.0) == [None, 1.0]
    assert rates_of(schedule, 2, 5, 2, 1.0) == [None, 1.0]


def test_single_message_blocks_use_the_previous_step() -> None:
    """A block of one message takes its rate from the step since the previous message."""
    schedule = Schedule([segment(1, START, 5000)])
    assert rates_of(schedule, 1, 3, 1, 1.0) == [1.0, 5.0, 5.0]


def test_feed_without_a_message_keeps_its_rate() -> None:
    """A slow feed keeps its last rate while no block contains a message of it."""
    cadence = Cadence()
    cadence.begin({"users": 1.0, "arrays": 0.1})
    cadence.take("users", 1, START)
    assert cadence.finish() == {"users": 1.0, "arrays": 0.1}
