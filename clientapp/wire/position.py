"""Where a reader stands in a feed."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import BadRequest
from .names import EPOCH, is_feed_name

MAX_OFFSET = 2**53 - 1
"""The largest offset: the largest integer that JavaScript counts exactly."""


@dataclass(frozen=True, slots=True)
class Position:
    """
    Where a reader stands in a feed: the last offset it has.

    Offsets only compare within one epoch: after the recipe of a feed
    changed, 41 is not the neighbour of yesterday's 40. That is why there is
    no ``__lt__`` here.
    """

    epoch: str
    """Twelve hexadecimal digits that name the recipe of the feed."""
    offset: int
    """From 1; 0 stands before the first message."""


def parse_after(text: str) -> tuple[str, Position]:
    """
    Read ``users:EPOCH:OFFSET``, the form a position has in a URL.

    Raises BadRequest.
    """
    feed, _, rest = text.partition(":")
    epoch, _, digits = rest.partition(":")
    is_offset = digits.isascii() and digits.isdigit() and len(digits) <= 16
    if not (is_feed_name(feed) and EPOCH.fullmatch(epoch) and is_offset):
        raise BadRequest(
            f"after={text[:80]!r} is not allowed: write FEED:EPOCH:OFFSET, "
            "for example users:0123456789ab:41"
        )
    if int(digits) > MAX_OFFSET:
        raise BadRequest(f"after={text!r} is not allowed: offsets end at {MAX_OFFSET}")
    return feed, Position(epoch, int(digits))


def format_after(feed: str, position: Position) -> str:
    """Write the position of *feed* as `parse_after` reads it."""
    return f"{feed}:{position.epoch}:{position.offset}"
