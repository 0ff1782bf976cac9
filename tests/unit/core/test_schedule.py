"""Offsets and their times."""

from bisect import bisect_right
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire.position import MAX_OFFSET
from feeds.core.schedule import Recipe, Schedule, Segment

RECIPE = Recipe(kind="users", spec="{}", seed=1)
NOON_US = 1_795_000_000_000_000

rates = st.one_of(st.integers(1, 10**9), st.sampled_from([1, 3, 999, 1000, 7_000, 10**9]))
steps = st.integers(0, 10**12)


def segment(
    first: int = 1, started_us: int = NOON_US, rate_milli: int = 1000, epoch: str = "0" * 12
) -> Segment:
    """Return a segment with a rate of one message per second by default."""
    return Segment(
        recipe=RECIPE, epoch=epoch, first=first, started_us=started_us, rate_milli=rate_milli
    )


@st.composite
def segment_lists(draw: st.DrawFn) -> list[Segment]:
    """Draw consecutive segments, as a generator creates them."""
    segments = [segment(first=draw(st.integers(1, 5)), rate_milli=draw(rates))]
    for _ in range(draw(st.integers(0, 4))):
        last = segments[-1]
        first = last.first + draw(st.integers(1, 50))
        pause = draw(st.integers(1, 10**8))
        segments.append(
            segment(first, last.at(first - 1) + pause, draw(rates), draw(st.sampled_from("ab")))
        )
    return segments


def moments(segments: list[Segment]) -> st.SearchStrategy[int]:
    """Return times around the starts of *segments*, and far from them."""
    starts = [one.started_us for one in segments]
    near = st.builds(int.__add__, st.sampled_from(starts), st.integers(-(10**6), 10**6))
    return st.one_of(near, st.integers(starts[0] - 10**6, starts[-1] + 10**12))


@given(rates, st.integers(1, 10**12), steps)
def test_due_is_the_inverse_of_at(rate_milli: int, first: int, step: int) -> None:
    """Every offset is due at its own time and not a microsecond earlier."""
    one = segment(first=first, rate_milli=rate_milli)
    at = one.at(first + step)

    assert (one.due(at), one.due(at - 1)) == (first + step, first + step - 1)


@given(rates, st.integers(0, 10**15))
def test_at_is_the_inverse_of_due(rate_milli: int, elapsed: int) -> None:
    """The time of the last due offset has come; the time of the next offset has not."""
    one = segment(rate_milli=rate_milli)
    now = NOON_US + elapsed
    due = one.due(now)

    assert one.at(due) <= now < one.at(due + 1)


@given(rates, steps)
def test_rounding_does_not_add_up(rate_milli: int, step: int) -> None:
    """The time of an offset is exact, however many offsets precede it."""
    ideal_nanoseconds = step * 10**12 // rate_milli

    assert segment(rate_milli=rate_milli).at(1 + step) == NOON_US + ideal_nanoseconds // 1000


@given(st.data())
def test_due_never_decreases(data: st.DataObject) -> None:
    """The due offset never decreases over time, even across segments."""
    segments = data.draw(segment_lists())
    times = data.draw(st.lists(moments(segments), min_size=2).map(sorted))
    dues = [Schedule(segments).due(now, MAX_OFFSET) for now in times]

    assert dues == sorted(dues)


@given(st.data(), st.integers(0, 300))
def test_due_respects_the_promise(data: st.DataObject, promised: int) -> None:
    """Nothing is due beyond the promise, before its time, or in a segment that has not begun."""
    segments = data.draw(segment_lists())
    now = data.draw(moments(segments))
    schedule = Schedule(segments)
    due = schedule.due(now, promised)
    ahead = [one.first for one in segments if one.started_us > now]

    assert 0 <= due <= promised
    assert all(due < first for first in ahead)
    assert due < segments[0].first or schedule.at(due) <= now


@given(st.data())
def test_every_offset_is_due_at_its_time(data: st.DataObject) -> None:
    """No segment hides an offset of another."""
    segments = data.draw(segment_lists())
    offset = data.draw(st.integers(segments[0].first, segments[-1].first + 100))
    schedule = Schedule(segments)

    assert schedule.due(schedule.at(offset), MAX_OFFSET) == offset


@given(st.data())
def test_every_offset_has_one_segment(data: st.DataObject) -> None:
    """Segments are contiguous, in whatever order they are given."""
    segments = data.draw(segment_lists())
    schedule = Schedule(data.draw(st.permutations(segments)))
    firsts = [one.first for one in segments]
    offset = data.draw(st.integers(firsts[0], firsts[-1] + 100))

    assert schedule.segment(offset) == segments[bisect_right(firsts, offset) - 1]
    assert [schedule.end(one) for one in segments] == [*(n - 1 for n in firsts[1:]), MAX_OFFSET]
    assert (len(schedule), schedule.last) == (len(segments), segments[-1])


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab")), min_size=1))
def test_turns_are_the_changes_of_epoch(stretches: list[tuple[int, str]]) -> None:
    """The turns are the first offset and each offset whose epoch differs from the previous one."""
    firsts = list(accumulate((length for length, _ in stretches), initial=1))
    epochs = [epoch for _, epoch in stretches]
    schedule = Schedule(
        [segment(first, epoch=epoch) for first, epoch in zip(firsts, epochs, strict=False)]
    )
    expected = {1: epochs[0]} | {
        first: new
        for first, (old, new) in zip(firsts[1:], pairwise(epochs), strict=False)
        if old != new
    }

    assert schedule.turns == expected


def test_offsets_before_the_first_segment_are_refused() -> None:
    """Offsets outside all segments are refused and never due."""
    schedule = Schedule([segment(first=7)])

    assert schedule.due(NOON_US - 1, MAX_OFFSET) == 0
    with pytest.raises(LookupError, match="no segment holds offset 6"):
        schedule.at(6)


def test_feed_that_never_ran_has_no_times() -> None:
    """Without a segment no offset is due and none has a time."""
    schedule = Schedule()

    assert (len(schedule), schedule.last, schedule.due(NOON_US, 0)) == (0, None, 0)
    with pytest.raises(LookupError):
        schedule.segment(1)
