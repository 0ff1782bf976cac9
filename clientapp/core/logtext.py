"""
The text of a block log, as ``docs/blocklog.md`` describes it.

Invariant: a record never holds a line break and a message line starts with a
digit, so the marks at the start of a line are only ever ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from clientapp.core.block import Block, Stamp
from clientapp.core.session import Session
from clientapp.wire import codec
from clientapp.wire.from_server import Gap
from clientapp.wire.message import Message

SESSION_MARK = "# session "
BLOCK_MARK = "=== block "
HEADER_MARK = "# block "
END_MARK = "=== end of block "

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(microseconds: int) -> str:
    """Write an instant as UTC with microseconds, such as 2026-11-21T08:40:01.123456Z."""
    instant = _EPOCH + timedelta(microseconds=microseconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def select_members(data: Any, select: Sequence[str]) -> Any:
    """Return only the members of the record that *select* names, in its order."""
    if not select or not isinstance(data, dict):
        return data
    return {name: data[name] for name in select if name in data}


def format_message(message: Message, data: Any, stamp: Stamp) -> str:
    """
    Write the line of a message whose kept record is *data*.

    Raises ValueError for a record that JSON cannot write.
    """
    received = format_time(stamp.wall_us)
    return f"{received} {message.feed} {message.offset} {codec.encode(data)}"


def format_gap(gap: Gap) -> str:
    """Write the line of a gap."""
    return f"--- gap {gap.feed} {gap.first} to {gap.last}: {gap.cause}, goes on in {gap.epoch}"


def format_session(session: Session) -> bytes:
    """Write the line that opens a session."""
    return _utf8(f"{SESSION_MARK}{codec.encode(session.write())}\n")


def format_block(block: Block) -> bytes:
    """Write a whole block, from its first line to its trailer."""
    report = block.report
    header = report.write()
    del header["type"]
    header["positions"] = {
        feed: [position.epoch, position.offset] for feed, position in block.positions.items()
    }
    feeds = " and ".join(report.feeds)
    seconds = f"{report.seconds:.3f}"
    span = f"{format_time(report.started_at)} to {format_time(report.finished_at)}"
    lines = [
        f"{BLOCK_MARK}{report.block}: {report.size} messages of {feeds} in {seconds} s, {span}",
        HEADER_MARK + codec.encode(header),
        *block.lines,
    ]
    body = _utf8("".join(f"{line}\n" for line in lines))
    trailer = f"{END_MARK}{report.block}: {report.size} messages, crc32 {crc32(body):08x}\n"
    return body + trailer.encode("ascii")


def _utf8(text: str) -> bytes:
    # Half a surrogate pair is no UTF-8; as an escape it still is the same JSON.
    return text.encode("utf-8", "backslashreplace")
