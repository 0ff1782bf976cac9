"""
The formatting of a block log, as ``docs/reference/blocklog.md`` describes it.

Invariant: a record never contains a line break, and a message line starts with a
digit, so only this module writes marks at the start of a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from ..core.block import Block
from ..core.protocol import Duplicate
from ..core.session import Session
from ..core.stamp import Stamp
from ..wire import codec
from ..wire.from_server import Ack, Gap
from ..wire.message import Message
from ..wire.printable import printable
from ..wire.report import Report

SESSION_MARK = "# session "
BLOCK_MARK = "=== block "
HEADER_MARK = "# block "
GAP_MARK = "--- gap "
AGAIN_MARK = "--- again "
END_MARK = "=== end of block "
VERDICT_MARK = "=== verdict of block "

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(microseconds: int) -> str:
    """Format a time as UTC with microseconds, such as 2026-11-21T08:40:01.123456Z."""
    instant = _EPOCH + timedelta(microseconds=microseconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def select_members(data: Any, select: Sequence[str]) -> Any:
    """Return only the members of the record that *select* names, in its order."""
    if not select or not isinstance(data, dict):
        return data
    return {name: data[name] for name in select if name in data}


def format_message(message: Message, data: Any, stamp: Stamp) -> str:
    """
    Format the line of a message whose kept record is *data*.

    Raises ValueError for a record that JSON cannot write.
    """
    received = format_time(stamp.wall_us)
    return f"{received} {message.feed} {message.offset} {message.crc:08x} {codec.encode(data)}"


def format_duplicate(duplicate: Duplicate) -> str:
    """Format the line of a message that was dropped."""
    return f"{AGAIN_MARK}{duplicate.feed} {duplicate.offset} {duplicate.crc:08x}"


def format_gap(gap: Gap) -> str:
    """Format the line of a gap, with the server's texts escaped."""
    span = f"{gap.first} to {gap.last}"
    return f"{GAP_MARK}{gap.feed} {span}: {printable(gap.cause)}, goes on in {printable(gap.epoch)}"


def format_session(session: Session) -> bytes:
    """Format the line that begins a session."""
    asked = _utf8(codec.encode(session.write()))
    return b"%b%b crc32 %08x\n" % (SESSION_MARK.encode("ascii"), asked, crc32(asked))


def format_head(report: Report) -> str:
    """Format a block's line for people."""
    feeds = " and ".join(report.feeds)
    seconds = f"{report.seconds:.3f}"
    span = f"{format_time(report.started_at)} to {format_time(report.finished_at)}"
    return f"{BLOCK_MARK}{report.block}: {report.size} messages of {feeds} in {seconds} s, {span}"


def format_trailer(report: Report, crc: int) -> bytes:
    """Format a block's last line; *crc* is the CRC-32 of all bytes before it."""
    return b"%b%d: %d messages, crc32 %08x\n" % (
        END_MARK.encode("ascii"),
        report.block,
        report.size,
        crc,
    )


def format_block(block: Block) -> bytes:
    """Format a whole block, from its first line to its trailer."""
    report = block.report
    header = report.write()
    del header["type"]
    header["positions"] = {
        feed: [position.epoch, position.offset] for feed, position in block.positions.items()
    }
    times = {feed: position.at for feed, position in block.positions.items()}
    header["at"] = {feed: at for feed, at in times.items() if at is not None}
    header["due"] = block.due
    header["rates"] = block.rates
    lines = [format_head(report), HEADER_MARK + codec.encode(header), *block.lines]
    body = _utf8("".join(f"{line}\n" for line in lines))
    return body + format_trailer(report, crc32(body))


def format_verdict(ack: Ack) -> bytes:
    """Format the line of a verdict, with its reason escaped."""
    reason = f", {printable(ack.reason)}" if ack.reason else ""
    return f"{VERDICT_MARK}{ack.block}: {printable(ack.verdict)}{reason}\n".encode()


def _utf8(text: str) -> bytes:
    # Half a surrogate pair is not valid UTF-8; escaped, it is still the same JSON.
    return text.encode("utf-8", "backslashreplace")
