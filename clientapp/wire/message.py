"""
A message: one record of a feed at one offset, and its exact text.

The *line* of a message is the exact text of its frame. It depends only on
the feed and its schedule, so both sides can compare it byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from . import codec
from .codec import Json
from .errors import MalformedMessage


@dataclass(frozen=True, slots=True)
class Message:
    """One record of a feed at one offset."""

    feed: str
    offset: int
    """From 1, without gaps within the feed."""
    at: int
    """The intended time by the feed's schedule, microseconds since 1970."""
    data: Any
    """The record: an object for ``users``, nested arrays for ``arrays``."""
    crc: int
    """The CRC-32 of the line."""


def make_line(feed: str, offset: int, at: int, data: bytes) -> bytes:
    """Return the line of a message whose record is the JSON text *data*."""
    return b'{"type":"message","feed":"%b","offset":%d,"at":%d,"data":%b}' % (
        feed.encode("ascii"),
        offset,
        at,
        data,
    )


def read_message(obj: Json, line: str | bytes) -> Message:
    """Return the message in a *line* decoded as *obj*; raises MalformedMessage."""
    if "data" not in obj:
        raise MalformedMessage("data is missing; it must be the record")
    return Message(
        feed=codec.string(obj, "feed", longest=40),
        offset=codec.integer(obj, "offset", low=1),
        at=codec.integer(obj, "at"),
        data=obj["data"],
        crc=crc32(line.encode() if isinstance(line, str) else line),
    )
