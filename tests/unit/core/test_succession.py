"""The start of a feed's new segment."""

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
"""One message a second, starting at noon."""


def after(promised: int, now_us: int, *segments: Segment) -> Segment | None:
    """Return the segment after *promised* if nothing was changed."""
    return successor(Schedule(segments), replace(FIRST, first=promised + 1, started_us=now_us))


def test_first_segment_starts_now() -> None:
    """The first segment starts now, with offset 1."""
    assert after(0, NOON_US) == FIRST


def test_segment_continues_on_time() -> None:
    """The segment continues from OFF_US before message 10 is due to OFF_US after 11 is due."""
    due = FIRST.at(11)
    for now_us in (FIRST.at(10) - OFF_US, FIRST.at(10), due, due + OFF_US):
        assert after(10, now_us, FIRST) is None


def test_late_generator_skips_time() -> None:
    """A generator that is too late skips the missed time: the next offset is due now."""
    now_us = FIRST.at(11) + OFF_US + 1
    assert after(10, now_us, FIRST) == replace(FIRST, first=11, started_us=now_us)


def test_clock_set_back_is_followed() -> None:
    """The next message does not wait until the clock is back at the previous time."""
    now_us = FIRST.at(10) - OFF_US - 1
    assert after(10, now_us, FIRST) == replace(FIRST, first=11, started_us=now_us)


@pytest.mark.parametrize(
    "changed",
    [{"recipe": replace(RECIPE, seed=2)}, {"epoch": "1" * 12}, {"rate_milli": 2000}],
    ids=lambda changed: next(iter(changed)),
)
def test_change_starts_after_the_promise(changed: dict[str, object]) -> None:
    """A new recipe, epoch or rate starts a segment after the promise, which stays unchanged."""
    new = replace(FIRST, **changed, first=11)  # type: ignore[arg-type]  # drawn by name
    promised_at = FIRST.at(10)

    early = successor(Schedule([FIRST]), replace(new, started_us=promised_at - 500_000))
    assert early == replace(new, started_us=promised_at + 1)

    late = replace(new, started_us=promised_at + 500_000)
    assert successor(Schedule([FIRST]), late) == late


@given(st.integers(1, 10**6), st.integers(-(10**8), 10**13))
def test_next_offset_is_due_soon(promised: int, moment: int) -> None:
    """The next offset is due OFF_US ago or later, and by now or one step after the last one."""
    now_us = NOON_US + moment
    segment = after(promised, now_us, FIRST) or FIRST
    assert segment.first in (1, promised + 1)
    assert (
        now_us - OFF_US <= segment.at(promised + 1) <= max(now_us, FIRST.at(promised) + 1_000_000)
    )
