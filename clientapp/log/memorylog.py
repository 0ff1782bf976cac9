"""
A log in memory, for clients that keep no file.

It keeps everything that a client needs to resume within its process: the session, the
last block, and the reports that are not acknowledged.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from ..core.block import Block
from ..core.outbox import WINDOW
from ..core.session import Session
from ..core.stamp import Stamp
from ..wire.from_server import Ack
from ..wire.message import Message
from ..wire.report import Report
from .parse import LoggedBlock, parse_checksums

BLOCKS_KEPT = 16
"""The number of blocks whose messages are kept: a server asks about few of them, and soon."""


class MemoryLog:
    """A `Log` that is lost with its process."""

    torn_bytes = 0
    is_synced = False
    path = Path("memory")

    def __init__(self) -> None:
        self.session: Session | None = None
        self.last: LoggedBlock | None = None
        self.judged = 0
        self._reports: dict[int, Report] = {}
        self._lines: OrderedDict[int, tuple[str, ...]] = OrderedDict()

    def begin(self, session: Session) -> None:
        """Begin a new session: the blocks that follow belong to it."""
        self.session = session
        self.last = None
        self.judged = 0
        self._reports.clear()
        self._lines.clear()

    def format(self, message: Message, data: Any, stamp: Stamp) -> str:
        """Format the shortest line that identifies the message."""
        return f"--- again {message.feed} {message.offset} {message.crc:08x}"

    def append(self, block: Block) -> int:
        """Keep a block; return 0, because nothing is written."""
        report = block.report
        self.last = LoggedBlock(
            report=report, positions=block.positions, due=block.due, rates=block.rates
        )
        self._reports[report.block] = report
        self._lines[report.block] = block.lines
        if len(self._lines) > BLOCKS_KEPT:
            self._lines.popitem(last=False)
        return 0

    def note(self, ack: Ack) -> None:
        """Forget the report of a block that is acknowledged."""
        self.judged = max(self.judged, ack.block)
        self._reports.pop(ack.block, None)

    def checksums(self, number: int) -> dict[str, list[tuple[int, int]]]:
        """Return offset and CRC-32 of each message of a recent block, per feed."""
        return parse_checksums(line.encode() for line in self._lines.get(number, ()))

    def reports_above(self, number: int, most: int = WINDOW) -> list[Report]:
        """Return the first *most* unacknowledged reports above *number*, in order."""
        # A copy, because this is called in a thread.
        reports = self._reports.copy()
        return [reports[block] for block in sorted(reports) if block > number][:most]

    def sync(self) -> None:
        """Do nothing: there is no disk to wait for."""
