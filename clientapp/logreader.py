"""
What a block log holds, read from its end.

A log only grows and may be large, so nothing here reads it from the start:
each search goes backwards from the end, over bytes or a memory map.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

from clientapp.core.logtext import BLOCK_MARK, END_MARK, HEADER_MARK, SESSION_MARK
from clientapp.core.session import Session
from clientapp.wire import codec
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_client import Report
from clientapp.wire.position import Position

Text = bytes | mmap.mmap

_SESSION = SESSION_MARK.encode("ascii")
_BLOCK = b"\n" + BLOCK_MARK.encode("ascii")
_HEADER = b"\n" + HEADER_MARK.encode("ascii")
_END = b"\n" + END_MARK.encode("ascii")
_TRAILER = re.compile(_END + rb"[0-9]+: [0-9]+ messages, crc32 ([0-9a-f]{8})\n")


class NotABlockLog(ValueError):
    """The file is something else; nobody may write to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedBlock:
    """What the header of a block says."""

    report: Report
    positions: Mapping[str, Position]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The last session of a log."""

    session: Session | None = None
    """None: the log is empty."""
    blocks_from: int = 0
    """Where the session line ends, in bytes from the start."""
    end: int = 0
    """Where the last whole line or block ends; what follows is torn."""
    last: LoggedBlock | None = None
    """The last block of the session; None before its first."""


def read_tail(text: Text) -> Tail:
    """
    Find the last session of a log and its last whole block.

    Raises NotABlockLog. A file is taken for a log with a torn first line only
    where that line begins as ours do.
    """
    if len(text) == 0:
        return Tail()
    if text[: len(_SESSION) + 1] != _SESSION + b"{":
        raise NotABlockLog("its first line is not a session line")
    start, newline = _last_session(text)
    if newline == -1:
        return Tail()
    try:
        session = Session.read(codec.decode(text[start + len(_SESSION) : newline]))
        blocks_from = newline + 1
        start, end = _last_block(text, blocks_from)
        last = None if start == end else _read_header(text, text.find(_HEADER, start))
    except MalformedMessage as error:
        raise NotABlockLog(str(error)) from None
    return Tail(session=session, blocks_from=blocks_from, end=end, last=last)


def reports_above(text: Text, tail: Tail, number: int) -> list[Report]:
    """Return the reports of the tail's blocks above *number*, in order."""
    reports: list[Report] = []
    for block in _blocks_backwards(text, tail):
        if block.report.block <= number:
            break
        reports.append(block.report)
    return reports[::-1]


def _last_session(text: Text) -> tuple[int, int]:
    """Return where the last whole session line begins and ends; end -1: none."""
    end = len(text)
    while True:
        start = text.rfind(b"\n" + _SESSION, 0, end) + 1
        newline = text.find(b"\n", start)
        if newline != -1 or start == 0:
            return start, newline
        end = start


def _last_block(text: Text, blocks_from: int) -> tuple[int, int]:
    """Return the span of the last whole block; an empty one if there is none."""
    end = len(text)
    while True:
        trailer = text.rfind(_END, blocks_from, end)
        if trailer == -1:
            return blocks_from, blocks_from
        start = text.rfind(_BLOCK, blocks_from, trailer)
        match = _TRAILER.match(text, trailer)
        body = text[start + 1 : trailer + 1]
        if start != -1 and match is not None and crc32(body) == int(match[1], 16):
            return start, match.end()
        end = trailer


def _blocks_backwards(text: Text, tail: Tail) -> Iterator[LoggedBlock]:
    at = text.rfind(_HEADER, tail.blocks_from, tail.end)
    while at != -1:
        yield _read_header(text, at)
        at = text.rfind(_HEADER, tail.blocks_from, at)


def _read_header(text: Text, at: int) -> LoggedBlock:
    line_end = text.find(b"\n", at + 1)
    obj = codec.decode(text[at + len(_HEADER) : line_end])
    positions = codec.mapping(obj, "positions")
    return LoggedBlock(
        report=Report.read(obj),
        positions={feed: _read_position(feed, pair) for feed, pair in positions.items()},
    )


def _read_position(feed: str, pair: object) -> Position:
    match pair:
        case [str() as epoch, int() as offset]:
            return Position(epoch, offset)
    raise MalformedMessage(f"positions holds {pair!r} for {feed}; it must be [epoch, offset]")
