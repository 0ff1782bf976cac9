"""When a feed goes on in a new segment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.core.succession import OFF_US, successor

RECIPE = Recipe(kind="users", spec="{}", seed=1)
EPOCH = "0" * 12
NOON_US = 1_795_000_000_000_000
FIRST = Segment(recipe=RECIPE, epoch=EPOCH, first=1, started_us=NOON_US, rate_milli=1000)
"""One message a second, from noon on."""


def after(promised: int, now_us: int, *segments: Segment) -> Segment | None:
    """Return what follows *promised* where nothing was changed."""
    return successor(Schedule(segments), replace(FIRST, first=promised + 1, started_us=now_us))


def test_a_feed_begins() -> None:
    """The first segment begins now, with offset 1."""
    assert after(0, NOON_US) == FIRST


def test_on_time_it_goes_on() -> None:
    """From the promise of the next message to OFF_US after its time, the segment lasts."""
    due = FIRST.at(11)
    for now_us in (FIRST.at(10) - OFF_US, FIRST.at(10), due, due + OFF_US):
        assert after(10, now_us, FIRST) is None


def test_late_it_skips_time() -> None:
    """What is too late is not made up for: the next offset is due now."""
    now_us = FIRST.at(11) + OFF_US + 1
    assert after(10, now_us, FIRST) == replace(FIRST, first=11, started_us=now_us)


def test_a_clock_that_was_set_back_is_believed() -> None:
    """The next message does not wait until the clock is where it was."""
    now_us = FIRST.at(10) - OFF_US - 1
    assert after(10, now_us, FIRST) == replace(FIRST, first=11, started_us=now_us)


@pytest.mark.parametrize(
    "changed",
    [{"recipe": replace(RECIPE, seed=2)}, {"epoch": "1" * 12}, {"rate_milli": 2000}],
    ids=lambda changed: next(iter(changed)),
)
def test_what_changes_begins_after_what_is_promised(changed: dict[str, object]) -> None:
    """Another recipe, other libraries or another rate: a new segment, which changes no promise."""
    new = replace(FIRST, **changed, first=11)  # type: ignore[arg-type]  # drawn by name
    promised_at = FIRST.at(10)

    early = successor(Schedule([FIRST]), replace(new, started_us=promised_at - 500_000))
    assert early == replace(new, started_us=promised_at + 1)

    late = replace(new, started_us=promised_at + 500_000)
    assert successor(Schedule([FIRST]), late) == late


@given(st.integers(1, 10**6), st.integers(-(10**8), 10**13))
def test_times_go_on(promised: int, moment: int) -> None:
    """Whenever it is looked at, the next offset is due at most OFF_US before or after that."""
    now_us = NOON_US + moment
    segment = after(promised, now_us, FIRST) or FIRST
    assert segment.first in (1, promised + 1)
    assert (
        now_us - OFF_US <= segment.at(promised + 1) <= max(now_us, FIRST.at(promised) + 1_000_000)
    )
