"""Where a session starts in a feed, given the position that it says it has."""

from __future__ import annotations

from collections.abc import Callable

from clientapp.wire.from_server import Gap
from clientapp.wire.position import Position

EpochAt = Callable[[int], str]
"""The epoch of an offset, which may lie ahead."""


def is_of(epoch_at: EpochAt, at: Position) -> bool:
    """
    Tell whether *at* is a position of the feed.

    A position after a gap has the epoch that the gap leads to, not that of
    the offset itself.
    """
    return at.offset == 0 or at.epoch in (epoch_at(at.offset), epoch_at(at.offset + 1))


def start(
    feed: str, epoch_at: EpochAt, head: int, after: Position | None
) -> tuple[Position, Gap | None]:
    """
    Return the position to start after, and the gap before it, if any.

    The caller owes a *head* that is not before a position of the feed: to
    start behind it would be to send messages twice.
    """
    if after is None or (after.offset == 0 and after.epoch != epoch_at(1)):
        at = head if after is None else 0
        return Position(epoch_at(max(at, 1)), at), None
    if is_of(epoch_at, after):
        return after, None
    goes_on = Position(epoch_at(head + 1), head)
    gap = Gap(feed=feed, first=after.offset + 1, last=head, epoch=goes_on.epoch, cause="epoch")
    return goes_on, gap
