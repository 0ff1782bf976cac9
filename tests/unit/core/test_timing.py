"""The ideal time of a block according to the schedule."""

from __future__ import annotations

from dataclasses import replace

from clientapp.wire.report import FeedRange
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.core.timing import Timing, timing_of

RECIPE = Recipe("users", "{}", 1)


def segment(first: int, started_s: float, rate: float) -> Segment:
    """Return a segment that starts at *started_s* seconds with *rate* messages a second."""
    return Segment(RECIPE, "0123456789ab", first, round(started_s * 1e6), round(rate * 1000))


def part(first: int, last: int) -> FeedRange:
    """Return a range without missing messages."""
    return FeedRange(
        epoch="0123456789ab",
        first=first,
        last=last,
        count=last - first + 1,
        digest=None,
        gaps=0,
        duplicates=0,
    )


USERS = Schedule([segment(1, 100.0, 1.0), segment(11, 110.5, 5.0)])
ARRAYS = Schedule([segment(1, 100.25, 2.0)])
BOTH = {"users": USERS, "arrays": ARRAYS}


def test_ideal_of_one_feed_is_the_sum_of_its_steps() -> None:
    """Three messages at one a second take two seconds, at any position of the block."""
    assert timing_of({"users": part(4, 6)}, ["users"], BOTH) == Timing(2.0, {"users": 1.0})


def test_ideal_of_two_feeds_spans_both() -> None:
    """The earliest message of both feeds starts the block, and the latest one ends it."""
    found = timing_of({"users": part(2, 3), "arrays": part(2, 5)}, ["users", "arrays"], BOTH)
    # arrays 2 is due at 100.75, users 2 at 101; arrays 5 at 102.25, users 3 at 102.
    assert found == Timing(1.5, {"users": 1.0, "arrays": 2.0})


def test_ideal_across_a_change_of_rate_follows_the_schedule() -> None:
    """Users 9 to 12 are due at 108, 109, 110.5 and 110.7, so the block has no single rate."""
    assert timing_of({"users": part(9, 12)}, ["users"], BOTH) == Timing(2.7, {"users": None})
    assert timing_of({"users": part(11, 13)}, ["users"], BOTH) == Timing(0.4, {"users": 5.0})


def test_ideal_of_one_message_is_zero() -> None:
    """A block of one message has the ideal time zero and the rate of its feed."""
    assert timing_of({"users": part(11, 11)}, ["users"], BOTH) == Timing(0.0, {"users": 5.0})


def test_feed_without_messages_keeps_its_rate() -> None:
    """A slow feed without messages in a block is named with its rate at that time."""
    found = timing_of({"arrays": part(20, 21)}, ["users", "arrays"], BOTH)
    assert found == Timing(0.5, {"users": 1.0, "arrays": 2.0})
    assert timing_of({"arrays": part(22, 23)}, ["users", "arrays"], BOTH).rates["users"] == 5.0


def test_block_with_missing_messages_has_no_ideal() -> None:
    """The first or last message may be among the missing ones, announced or not."""
    whole = part(4, 6)
    for lacking in (replace(whole, count=2), replace(whole, count=2, gaps=1)):
        assert timing_of({"users": lacking}, ["users"], BOTH) == Timing(None, {"users": 1.0})
    assert timing_of({}, ["users"], BOTH) == Timing()


def test_removed_feed_has_no_timing() -> None:
    """A feed that was removed has no schedule and so no timing."""
    assert timing_of({"gone": part(1, 2)}, ["gone"], BOTH) == Timing()
    assert timing_of({"users": part(1, 2)}, ["users"], {"users": Schedule()}) == Timing()
