"""The start of a session in a feed, from the position that the client sends."""

from __future__ import annotations

from collections.abc import Callable

from clientapp.wire.from_server import Gap
from clientapp.wire.position import Position

EpochAt = Callable[[int], str]
"""Returns the epoch of an offset, which may be in the future."""


def is_of(epoch_at: EpochAt, at: Position) -> bool:
    """
    Tell whether *at* is a position of the feed.

    A position after a gap has the epoch that follows the gap, not that of
    the offset itself.
    """
    return at.offset == 0 or at.epoch in (epoch_at(at.offset), epoch_at(at.offset + 1))


def start(
    feed: str, epoch_at: EpochAt, head: int, after: Position | None
) -> tuple[Position, Gap | None]:
    """
    Return the position to start after, and the gap before it, if any.

    The caller must ensure that *head* is not before *after*; otherwise messages
    would be sent twice.
    """
    if after is None or (after.offset == 0 and after.epoch != epoch_at(1)):
        at = head if after is None else 0
        return Position(epoch_at(max(at, 1)), at), None
    if is_of(epoch_at, after):
        return after, None
    resumed = Position(epoch_at(head + 1), head)
    gap = Gap(feed=feed, first=after.offset + 1, last=head, epoch=resumed.epoch, cause="epoch")
    return resumed, gap
