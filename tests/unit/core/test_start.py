"""The position at which a session starts in a feed."""

import pytest

from clientapp.wire.from_server import Gap
from clientapp.wire.position import Position
from feeds.core.start import is_rolled_back, start

OLD, NEW, STRANGE = "0123456789ab", "ba9876543210", "f" * 12
HEAD = 30


def epoch_at(offset: int) -> str:
    """Return the epoch of a feed whose recipe changed with offset 21."""
    return OLD if offset < 21 else NEW


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (None, Position(NEW, 30)),
        (Position(OLD, 5), Position(OLD, 5)),
        (Position(OLD, 20), Position(OLD, 20)),
        (Position(NEW, 20), Position(NEW, 20)),
        (Position(NEW, 25), Position(NEW, 25)),
        (Position(OLD, 0), Position(OLD, 0)),
        (Position(STRANGE, 0), Position(OLD, 0)),
    ],
)
def test_known_position_is_resumed(after: Position | None, expected: Position) -> None:
    """A session resumes after a message, or after the gap that leads to an epoch."""
    assert start("users", epoch_at, HEAD, after) == (expected, None)


def test_feed_that_never_ran_starts_at_zero() -> None:
    """A session starts at offset 0 before the first message of a feed."""
    assert start("users", epoch_at, 0, None) == (Position(OLD, 0), None)


@pytest.mark.parametrize("after", [Position(NEW, 19), Position(OLD, 21), Position(STRANGE, 5)])
def test_foreign_position_starts_live_after_a_gap(after: Position) -> None:
    """A position that is not part of this feed starts at the head, after a gap."""
    gap = Gap(feed="users", first=after.offset + 1, last=HEAD, epoch=NEW, cause="epoch")
    assert start("users", epoch_at, HEAD, after) == (Position(NEW, HEAD), gap)


@pytest.mark.parametrize(("offset", "first"), [(40, 31), (30, 31), (20, 21)])
def test_lost_position_continues_at_the_head(offset: int, first: int) -> None:
    """The gap names the offsets up to the head, or none if the head is behind the position."""
    gap = Gap(feed="users", first=first, last=HEAD, epoch=NEW, cause="history")
    found = start("users", epoch_at, HEAD, Position(OLD, offset), rolled_back=True)
    assert found == (Position(NEW, HEAD), gap)


@pytest.mark.parametrize(
    ("offset", "at", "expected"),
    [
        (0, None, False),
        (30, None, False),
        (30, 3000, False),
        (30, 3001, True),
        (9, 900, True),
        (31, None, True),
        (31, 3100, True),
    ],
)
def test_history_is_told_by_the_intended_time(
    offset: int,
    at: int | None,
    expected: bool,  # noqa: FBT001  a parameter
) -> None:
    """A position without a time is accepted, unless its offset is ahead of the feed."""

    def time_of(offset: int) -> int:
        if offset < 10:
            raise LookupError
        return offset * 100

    assert is_rolled_back(time_of, HEAD, offset, at) == expected
