"""The start of a session in a feed, from the position that the client sends."""

from __future__ import annotations

from collections.abc import Callable

from clientapp.wire.from_server import Gap
from clientapp.wire.position import Position

EpochAt = Callable[[int], str]
"""Returns the epoch of an offset, which may be in the future."""
At = Callable[[int], int]
"""Returns the intended time of an offset; raises LookupError before the first segment."""


def is_of(epoch_at: EpochAt, at: Position) -> bool:
    """
    Tell whether *at* is a position of the feed.

    A position after a gap has the epoch that follows the gap, not
    the epoch of the offset itself.
    """
    return at.offset == 0 or at.epoch in (epoch_at(at.offset), epoch_at(at.offset + 1))


def is_rolled_back(time_of: At, end: int, offset: int, at: int | None) -> bool:
    """
    Tell whether the message at *offset* with the intended time *at* was rolled back.

    Then the feed lost its end, and has or will have another message there. *end* is
    the last offset of the feed. If *at* is None, only *offset* decides.
    """
    if offset > end:
        return True
    if at is None or offset == 0:
        return False
    try:
        return time_of(offset) != at
    except LookupError:
        return True


def start(
    feed: str,
    epoch_at: EpochAt,
    head: int,
    after: Position | None,
    *,
    rolled_back: bool = False,
) -> tuple[Position, Gap | None]:
    """
    Return the position to start after, and the gap before it, if any.

    If *after* belongs to a history that was rolled back, the session continues at
    *head*. Otherwise the caller must ensure that *head* is not before *after*, or
    messages would be sent twice.
    """
    if after is not None and rolled_back:
        resumed = Position(epoch_at(head + 1), head)
        return resumed, history_gap(feed, after.offset, resumed)
    if after is None or (after.offset == 0 and after.epoch != epoch_at(1)):
        at = head if after is None else 0
        return Position(epoch_at(max(at, 1)), at), None
    if is_of(epoch_at, after):
        return after, None
    resumed = Position(epoch_at(head + 1), head)
    gap = Gap(feed=feed, first=after.offset + 1, last=head, epoch=resumed.epoch, cause="epoch")
    return resumed, gap


def history_gap(feed: str, cursor: int, resumed: Position) -> Gap:
    """Return the gap for a reader that stood at *cursor* and continues at *resumed*."""
    first = min(cursor, resumed.offset) + 1
    return Gap(feed=feed, first=first, last=resumed.offset, epoch=resumed.epoch, cause="history")
