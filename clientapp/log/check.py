"""
A block log read forwards, line by line, and judged by itself alone.

After a fault the reading goes on with the next line that has its place, so
that one damaged line is a fault or a few, and not one for every line after.
"""

from __future__ import annotations

from zlib import crc32

from ..core.verdicts import Verdicts
from ..wire.errors import MalformedMessage
from ..wire.position import Position
from .blockcheck import BlockCheck
from .findings import Finding, Findings, SessionSummary
from .line import (
    NotABlockLog,
    read_duplicate,
    read_gap,
    read_header,
    read_message,
    read_session,
    read_trailer,
    read_verdict,
)
from .text import (
    AGAIN_MARK,
    BLOCK_MARK,
    END_MARK,
    GAP_MARK,
    HEADER_MARK,
    SESSION_MARK,
    VERDICT_MARK,
    format_head,
    format_trailer,
)

_SESSION, _HEAD, _HEADER, _GAP, _AGAIN, _END, _VERDICT = (
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


class LogCheck:
    """What was read of a log so far, and what is wrong with it."""

    def __init__(self) -> None:
        self._findings = Findings()
        self._take = self._first_line
        """What becomes of the next line."""
        self._here = Finding(line=0, byte=0, text="")
        self._end = 0
        self._whole = 0
        """Where the last whole block or session line ends."""
        self._number = 1
        """The number that the next block should have."""
        self._positions: dict[str, Position] = {}
        self._verdicts = Verdicts({})
        self._head: tuple[Finding, bytes] | None = None
        self._check: BlockCheck | None = None
        self._header = self._here
        self._crc: int | None = None
        """Of the block up to here; None: its beginning is not known."""

    def read(self, line: bytes) -> None:
        """
        Take the next line with its line feed; only the last may lack it.

        Raises NotABlockLog where the first line is none of a block log.
        """
        self._here = Finding(line=self._here.line + 1, byte=self._end, text="")
        self._end += len(line)
        if line.endswith(b"\n"):
            self._take(line)
        else:
            self._torn_line(line)

    def end(self) -> Findings:
        """Return what the log comes to; nothing may be read after it."""
        self._findings.torn_bytes = self._end - self._whole
        return self._findings

    def _first_line(self, line: bytes) -> None:
        if not line.startswith(_SESSION + b"{"):
            raise NotABlockLog("its first line is not a session line")
        self._open_session(line)

    def _torn_line(self, line: bytes) -> None:
        if self._take == self._first_line and not line.startswith(_SESSION + b"{"):
            raise NotABlockLog("its first line is not a session line")
        if self._check is not None and self._crc is not None and line.startswith(_END):
            report = self._check.block.report
            if not format_trailer(report, self._crc).startswith(line):
                self._fault(f"the last line is not the end line of block {report.block}")

    def _open_session(self, line: bytes) -> None:
        self._whole = self._end
        self._number = 1
        self._positions = {}
        try:
            session = read_session(line[:-1])
        except MalformedMessage as error:
            self._fault(f"{error}; the blocks of this session are not judged")
            self._take = self._unjudged
            return
        summary = SessionSummary(session)
        self._findings.sessions.append(summary)
        self._verdicts = Verdicts(summary.verdicts)
        self._take = self._between

    def _between(self, line: bytes) -> None:
        if line.startswith(_VERDICT):
            self._read_verdict(line)
            return
        self._take = self._opening
        if line != b"\n":
            self._fault("the empty line before this line is missing")
            self._opening(line)

    def _opening(self, line: bytes) -> None:
        if line.startswith(_HEAD):
            self._head = self._here, line
            self._crc = crc32(line)
            self._take = self._header_line
        elif line.startswith(_SESSION):
            self._open_session(line)
        elif line == b"\n":
            self._fault("this empty line is one too many")
        else:
            self._fault("neither a block nor a session begins with this line")
            self._lose(line)

    def _header_line(self, line: bytes) -> None:
        if not line.startswith(_HEADER):
            self._fault("the header is missing before this line")
            if line.startswith(_HEAD):
                self._opening(line)
            else:
                self._skip_block(line)
            return
        try:
            block = read_header(line[:-1])
        except MalformedMessage as error:
            self._fault(f"this header cannot be read: {error}")
            self._skip_block(line)
            return
        number = block.report.block
        if number != self._number:
            self._fault(f"block {number} stands where block {self._number} should")
        if self._head is not None and self._head[1] != f"{format_head(block.report)}\n".encode():
            self._fault("this line says something else than the header", self._head[0])
        self._fold(line)
        self._number = number + 1
        self._check = BlockCheck(self._findings.sessions[-1].asked, block, self._positions)
        self._positions = dict(block.positions)
        self._header = self._here
        self._take = self._body

    def _body(self, line: bytes) -> None:
        assert self._check is not None
        try:
            if line.startswith(_END):
                self._close(self._check, line)
            elif line.startswith(_GAP):
                self._fold(line)
                self._faults(self._check.add_gap(read_gap(line[:-1])))
            elif line.startswith(_AGAIN):
                self._fold(line)
                self._faults(self._check.add_duplicate(read_duplicate(line[:-1])))
            elif line == b"\n" or line.startswith((_HEAD, _SESSION)):
                self._fault(f"block {self._number - 1} has no end line before this line")
                self._check = None
                self._take = self._between
                self._between(line)
            else:
                self._fold(line)
                self._faults(self._check.add(read_message(line[:-1])))
        except MalformedMessage as error:
            self._fault(str(error))

    def _close(self, check: BlockCheck, line: bytes) -> None:
        self._check = None
        self._leave_block()
        self._faults(check.faults(), self._header)
        for text in check.warnings():
            self._findings.warnings.add(Finding(self._header.line, self._header.byte, text))
        summary = self._findings.sessions[-1]
        summary.add(check)
        trailer = read_trailer(line[:-1])
        block = check.block.report.block
        if (trailer.block, trailer.size) != (block, check.messages):
            self._fault(
                f"the end line is of block {trailer.block} with {trailer.size} messages, "
                f"but this is block {block} with {check.messages}"
            )
        if self._crc is not None and trailer.crc != self._crc:
            self._fault(f"block {block} does not fit its checksum")

    def _read_verdict(self, line: bytes) -> None:
        self._whole = self._end
        try:
            found = read_verdict(line[:-1])
        except MalformedMessage as error:
            self._fault(str(error))
            return
        if found.block >= self._number:
            self._fault(f"a verdict of block {found.block} stands before the block")
        self._verdicts.take(found.block, found.verdict)

    def _leave_block(self) -> None:
        self._whole = self._end
        self._take = self._between

    def _skip_block(self, line: bytes) -> None:
        self._number += 1
        self._positions = {}
        self._lose(line)

    def _lose(self, line: bytes) -> None:
        """Go on with the next line that says what it is, this one perhaps."""
        self._take = self._lost
        if not line.startswith(_HEADER):
            self._lost(line)

    def _lost(self, line: bytes) -> None:
        if line.startswith((_HEAD, _SESSION)):
            self._opening(line)
        elif line.startswith(_HEADER):
            self._head = self._crc = None
            self._header_line(line)
        elif line.startswith(_END):
            self._leave_block()

    def _unjudged(self, line: bytes) -> None:
        if line.startswith(_SESSION):
            self._open_session(line)
        elif line.startswith(_END):
            self._whole = self._end

    def _fold(self, line: bytes) -> None:
        if self._crc is not None:
            self._crc = crc32(line, self._crc)

    def _faults(self, texts: list[str], at: Finding | None = None) -> None:
        for text in texts:
            self._fault(text, at)

    def _fault(self, text: str, at: Finding | None = None) -> None:
        place = self._here if at is None else at
        self._findings.faults.add(Finding(place.line, place.byte, text))
