"""The position of a reader in a feed."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import MAX_INTEGER
from .errors import BadRequest
from .names import EPOCH, is_feed_name

MAX_OFFSET = 2**53 - 1
"""The largest offset: the largest integer that JavaScript represents exactly."""


@dataclass(frozen=True, slots=True)
class Position:
    """
    The position of a reader in a feed: the last offset it has.

    Offsets can be compared within one epoch only: after the recipe of a feed
    changed, 41 does not follow yesterday's 40. So there is no ``__lt__``.
    """

    epoch: str
    """Twelve hexadecimal digits that name the recipe of the feed."""
    offset: int
    """From 1; 0 means before the first message."""
    at: int | None = None
    """
    The intended time of the message at the offset, microseconds since 1970; None: unknown.

    After a rollback, a server sends the same offset with another intended time.
    """


def parse_after(text: str) -> tuple[str, Position]:
    """
    Read ``users:EPOCH:OFFSET``, the form of a position in a URL.

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
    """Format the position of *feed*, without its time, as `parse_after` reads it."""
    return f"{feed}:{position.epoch}:{position.offset}"


def parse_at(text: str) -> tuple[str, int]:
    """
    Read ``users:TIME``, the intended time of a position in a URL.

    Raises BadRequest.
    """
    feed, _, digits = text.partition(":")
    is_time = digits.isascii() and digits.isdigit() and len(digits) <= 16
    if not (is_feed_name(feed) and is_time and int(digits) <= MAX_INTEGER):
        raise BadRequest(
            f"at={text[:80]!r} is not allowed: write FEED:TIME in microseconds since 1970, "
            "for example users:1795250402123456"
        )
    return feed, int(digits)
