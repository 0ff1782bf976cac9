"""
The parsing of block log lines.

Every function takes one line as bytes, without its line feed, and raises
MalformedMessage with a sentence that describes the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from ..core.protocol import Duplicate
from ..core.session import Session
from ..wire import codec
from ..wire.errors import MalformedMessage
from ..wire.from_server import Gap
from ..wire.position import Position
from ..wire.report import Report
from .format import (
    AGAIN_MARK,
    BLOCK_MARK,
    END_MARK,
    GAP_MARK,
    HEADER_MARK,
    SESSION_MARK,
    VERDICT_MARK,
)

SESSION, HEAD, HEADER, GAP, AGAIN, END, VERDICT = (
    mark.encode("ascii")
    for mark in (
        SESSION_MARK,
        BLOCK_MARK,
        HEADER_MARK,
        GAP_MARK,
        AGAIN_MARK,
        END_MARK,
        VERDICT_MARK,
    )
)
"""The prefixes of all lines except message lines."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_SESSION = re.compile(SESSION + rb"(\{.*\}) crc32 ([0-9a-f]{8})")
_MESSAGE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z) "
    r"([a-z][a-z0-9_-]{0,39}) ([1-9][0-9]{0,15}) ([0-9a-f]{8}) (.+)"
)
_AGAIN = re.compile(AGAIN_MARK + r"([a-z][a-z0-9_-]{0,39}) ([1-9][0-9]{0,15}) ([0-9a-f]{8})")
_GAP = re.compile(
    GAP_MARK + r"([a-z][a-z0-9_-]{0,39}) ([1-9][0-9]{0,15}) to (0|[1-9][0-9]{0,15}): "
    r"(.*), goes on in (.*)"
)
_TRAILER = re.compile(
    END + rb"([1-9][0-9]{0,15}): ([1-9][0-9]{0,5}) messages, "
    rb"crc32 ([0-9a-f]{8})"
)
_VERDICT = re.compile(VERDICT_MARK + r"([1-9][0-9]{0,15}): ([a-z_]{1,40})(?:, (.*))?")


class NotABlockLog(ValueError):
    """The file is not a block log, and must not be written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBlock:
    """The header of a block."""

    report: Report
    positions: Mapping[str, Position]
    due: tuple[int, int] | None = None
    """First and last intended time; None: the log is older than this member."""
    rates: Mapping[str, float | None] = field(default_factory=dict)
    """Messages per second of each feed; None: the rate changed within the block."""


@dataclass(frozen=True, slots=True)
class LoggedMessage:
    """The line of a message."""

    received_at: int
    """Wall time of the receipt, microseconds since 1970."""
    feed: str
    offset: int
    crc: int
    """The CRC-32 of the line on the wire."""
    data: Any


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line of a block."""

    block: int
    size: int
    crc: int


@dataclass(frozen=True, slots=True)
class LoggedVerdict:
    """The line of a verdict."""

    block: int
    verdict: str
    reason: str


def parse_session(line: bytes) -> Session:
    """Parse the line that opens a session."""
    match = _SESSION.fullmatch(line)
    if match is None:
        raise MalformedMessage("this is not a session line with its checksum")
    if crc32(match[1]) != int(match[2], 16):
        raise MalformedMessage("the session line does not match its checksum")
    return Session.read(codec.decode(match[1]))


def parse_header(line: bytes) -> LoggedBlock:
    """Parse a block's header line, the one for programs."""
    obj = codec.decode(line.removeprefix(HEADER))
    positions = codec.mapping(obj, "positions")
    times = codec.mapping(obj, "at") if "at" in obj else {}
    rates = codec.mapping(obj, "rates") if "rates" in obj else {}
    return LoggedBlock(
        report=Report.read(obj),
        positions={
            feed: _parse_position(feed, pair, codec.integer(times, feed) if feed in times else None)
            for feed, pair in positions.items()
        },
        due=_parse_due(obj["due"]) if "due" in obj else None,
        rates={feed: None if rates[feed] is None else codec.number(rates, feed) for feed in rates},
    )


def parse_message(line: bytes) -> LoggedMessage:
    """Parse the line of a message."""
    match = _MESSAGE.fullmatch(_text(line))
    if match is None:
        raise MalformedMessage("this is not the line of a message")
    try:
        instant = datetime.fromisoformat(match[1])
    except ValueError as error:
        raise MalformedMessage(f"{match[1]} is not a time: {error}") from None
    received_at = (instant - _EPOCH) // _MICROSECOND
    feed, offset, crc, data = match.groups()[1:]
    return LoggedMessage(received_at, feed, int(offset), int(crc, 16), codec.parse(data))


def parse_duplicate(line: bytes) -> Duplicate:
    """Parse the line of a message that was dropped."""
    match = _AGAIN.fullmatch(_text(line))
    if match is None:
        raise MalformedMessage("this is not the line of a message that arrived again")
    return Duplicate(match[1], int(match[2]), int(match[3], 16))


def parse_checksums(lines: Iterable[bytes]) -> dict[str, list[tuple[int, int]]]:
    """
    Return the offset and CRC-32 of each message among *lines*, by feed.

    Their order is kept; dropped messages are included, gap lines are skipped.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for text in map(_text, lines):
        if match := _AGAIN.fullmatch(text):
            feed, offset, crc = match.groups()
        elif match := _MESSAGE.fullmatch(text):
            feed, offset, crc = match[2], match[3], match[4]
        else:
            continue
        found.setdefault(feed, []).append((int(offset), int(crc, 16)))
    return found


def parse_gap(line: bytes) -> Gap:
    """Parse the line of a gap."""
    match = _GAP.fullmatch(_text(line))
    if match is None:
        raise MalformedMessage("this is not the line of a gap")
    feed, first, last, cause, epoch = match.groups()
    return Gap(feed=feed, first=int(first), last=int(last), epoch=epoch, cause=cause)


def parse_trailer(line: bytes) -> Trailer:
    """Parse the last line of a block."""
    match = _TRAILER.fullmatch(line)
    if match is None:
        raise MalformedMessage("this is not the end line of a block")
    return Trailer(int(match[1]), int(match[2]), int(match[3], 16))


def parse_verdict(line: bytes) -> LoggedVerdict:
    """Parse the line of a verdict."""
    match = _VERDICT.fullmatch(_text(line))
    if match is None:
        raise MalformedMessage("this is not the line of a verdict")
    return LoggedVerdict(int(match[1]), match[2], match[3] or "")


def _parse_position(feed: str, pair: object, at: int | None) -> Position:
    match pair:
        case [str() as epoch, int() as offset]:
            return Position(epoch, offset, at)
    raise MalformedMessage(f"positions holds {pair!r} for {feed}; it must be [epoch, offset]")


def _parse_due(pair: object) -> tuple[int, int]:
    match pair:
        case [int() as first, int() as last] if first <= last:
            return first, last
    raise MalformedMessage(f"due is {pair!r}; it must be [first, last]")


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"this is not UTF-8: {error.reason}") from None
