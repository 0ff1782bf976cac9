"""
The reader of a block log's end, from which the client resumes.

A log only grows and may be large, so this module never reads it from the start: it
searches backwards from the end, or by bisection, in bytes or a memory map.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from zlib import crc32

from ..core.session import Session
from ..wire.errors import MalformedMessage
from ..wire.report import Report
from ..wire.verdict import Verdict
from .parse import (
    END,
    HEAD,
    HEADER,
    SESSION,
    VERDICT,
    LoggedBlock,
    NotABlockLog,
    parse_checksums,
    parse_header,
    parse_session,
    parse_trailer,
    parse_verdict,
)

Text = bytes | mmap.mmap

_HEAD, _HEADER, _END, _VERDICT = (b"\n" + mark for mark in (HEAD, HEADER, END, VERDICT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The last session of a log."""

    session: Session | None = None
    """None: the log is empty."""
    blocks_from: int = 0
    """The end of the session line, in bytes from the start."""
    end: int = 0
    """The end of the last whole line or block; later bytes are a torn tail."""
    last: LoggedBlock | None = None
    """The last block of the session; None before its first."""
    judged: int = 0
    """
    The highest block with a verdict in the session; 0: there is none.

    Every block up to it has one, or was refused: verdicts are in the order of the
    blocks, except for a second verdict of a broken block.
    """


def read_tail(text: Text) -> Tail:
    """
    Find the last session of a log and its last whole block.

    Raises NotABlockLog. A file counts as a log with a torn first line only if
    that line begins like a session line.
    """
    if len(text) == 0:
        return Tail()
    if text[: len(SESSION) + 1] != SESSION + b"{":
        raise NotABlockLog("its first line is not a session line")
    start, newline = _last_session(text)
    if newline == -1:
        return Tail()
    try:
        session = parse_session(text[start:newline])
        blocks_from = newline + 1
        start, end = _last_block(text, blocks_from)
        last = None if start == end else _read_header(text, text.find(_HEADER, start))
    except MalformedMessage as error:
        raise NotABlockLog(str(error)) from None
    end = _after_verdicts(text, end)
    judged = _judged(text, blocks_from, end)
    return Tail(session=session, blocks_from=blocks_from, end=end, last=last, judged=judged)


def reports_above(text: Text, tail: Tail, number: int, most: int) -> list[Report]:
    """Return the reports of the tail's first *most* blocks above *number*, in order."""
    reports: list[Report] = []
    at = _header_above(text, tail, number)
    while at != -1 and len(reports) < most:
        reports.append(_read_header(text, at).report)
        at = text.find(_HEADER, at + 1, tail.end)
    return reports


def checksums(text: Text, tail: Tail, number: int) -> dict[str, list[tuple[int, int]]]:
    """
    Return the offset and CRC-32 of each message of block *number*, by feed.

    In order of receipt, dropped messages included; empty if the tail has no such
    block.
    """
    at = _header_above(text, tail, number - 1)
    if at == -1 or _read_header(text, at).report.block != number:
        return {}
    start = text.find(b"\n", at + 1) + 1
    return parse_checksums(text[start : text.find(_END, at)].split(b"\n"))


def _after_verdicts(text: Text, end: int) -> int:
    """Return the end of the whole verdict lines that follow *end*."""
    while text[end - 1 : end - 1 + len(_VERDICT)] == _VERDICT:
        newline = text.find(b"\n", end)
        if newline == -1:
            break
        end = newline + 1
    return end


def _judged(text: Text, start: int, end: int) -> int:
    """Return the highest block with a verdict; read backwards only as far as needed."""
    highest = 0
    while (at := text.rfind(_VERDICT, start, end)) != -1:
        try:
            found = parse_verdict(text[at + 1 : text.find(b"\n", at + 1)])
        except MalformedMessage:
            break
        highest = max(highest, found.block)
        # Only the second verdict of a broken block can be out of order.
        if found.verdict != Verdict.BROKEN:
            break
        end = at
    return highest


def _last_session(text: Text) -> tuple[int, int]:
    """Return start and end of the last whole session line; end -1: there is none."""
    end = len(text)
    while True:
        start = text.rfind(b"\n" + SESSION, 0, end) + 1
        newline = text.find(b"\n", start)
        if newline != -1 or start == 0:
            return start, newline
        end = start


def _last_block(text: Text, blocks_from: int) -> tuple[int, int]:
    """Return the span of the last whole block; an empty span if there is none."""
    end = len(text)
    while True:
        trailer = text.rfind(_END, blocks_from, end)
        if trailer == -1:
            return blocks_from, blocks_from
        start = text.rfind(_HEAD, blocks_from, trailer)
        newline = text.find(b"\n", trailer + 1)
        if -1 not in (start, newline) and _is_whole(text, start + 1, trailer + 1, newline):
            return start, newline + 1
        end = trailer


def _is_whole(text: Text, start: int, trailer: int, newline: int) -> bool:
    """Tell whether the block from *start* matches its trailer, which ends at *newline*."""
    try:
        crc = parse_trailer(text[trailer:newline]).crc
    except MalformedMessage:
        return False
    return crc32(text[start:trailer]) == crc


def _header_above(text: Text, tail: Tail, number: int) -> int:
    """Return the start of the header of the first block above *number*; -1: none."""
    # By bisection, because the blocks of a session are in order.
    found, low, high = -1, tail.blocks_from, tail.end
    while low < high:
        middle = (low + high) // 2
        at = text.find(_HEADER, middle, high + len(_HEADER) - 1)
        if at == -1:
            high = middle
        elif _read_header(text, at).report.block > number:
            found, high = at, middle
        else:
            low = at + 1
    return found


def _read_header(text: Text, at: int) -> LoggedBlock:
    return parse_header(text[at + 1 : text.find(b"\n", at + 1)])
