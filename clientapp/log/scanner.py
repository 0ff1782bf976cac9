"""
The reader of whole block logs, forwards, one line at a time.

After a fault it continues with the next line whose place in the log is clear. So one damaged line
causes one or a few faults, not one for every line after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from ..core.session import Session
from ..wire.errors import MalformedMessage
from ..wire.position import Position
from .blockcheck import CheckedBlock, ScannedBlock
from .format import format_trailer
from .parse import (
    END,
    GAP,
    HEAD,
    HEADER,
    SESSION,
    VERDICT,
    LoggedVerdict,
    NotABlockLog,
    parse_header,
    parse_session,
    parse_trailer,
    parse_verdict,
)

LINE_BYTES = 2**26
"""The limit for a line of a log: four times the largest frame, enough for any escaping."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one place in a log."""

    line: int
    """From 1."""
    byte: int
    """The offset of the line's first byte, from 0."""
    text: str


class Fault(Finding):
    """A violation of the format, or a contradiction within the log."""


class Oddity(Finding):
    """A finding that is odd but may be correct: clocks can be set."""


class Remark(Finding):
    """An explanation of a line of a log; it is not a fault."""


@dataclass(frozen=True, slots=True)
class LostBlock:
    """The end line of a block whose beginning cannot be read."""

    is_ownerless: bool
    """Whether the unreadable line is that of its session."""


Part = Session | ScannedBlock | LostBlock | LoggedVerdict | Fault | Oddity | Remark


class Scanner:
    """
    One pass over a block log.

    With *thorough*, it compares each message with its block and session, and
    yields a `CheckedBlock` per block. Otherwise it does not parse messages, and
    finds only the faults that headers, gaps and checksums reveal.
    """

    def __init__(self, *, thorough: bool) -> None:
        self._is_thorough = thorough
        self._found: list[Part] = []
        """Parts to yield after the current line."""
        self._take = self._first_line
        """The method for the next line."""
        self._line = 0
        self._byte = 0
        """The start of the current line."""
        self._end = 0
        """The end of the current line."""
        self._whole = 0
        """The end of the last whole block, session line or verdict."""
        self._session: Session | None = None
        self._number = 1
        """The expected number of the next block."""
        self._positions: dict[str, Position] = {}
        self._head: tuple[int, int, bytes] | None = None
        """Line number, first byte and text of the block's line for people; None: lost."""
        self._header = (0, 0)
        """Line number and first byte of the block's header."""
        self._block: ScannedBlock | None = None
        self._crc: int | None = None
        """CRC-32 of the block so far; None: its beginning is unknown."""

    @property
    def torn_bytes(self) -> int:
        """Bytes read so far after the last whole block, session line or verdict."""
        return self._end - self._whole

    def scan(self, lines: Iterable[bytes]) -> Iterator[Part]:
        """
        Yield the parts of a log in order, each session before its blocks.

        Each of *lines* must end with a line feed; if the last one does not, it is
        torn. Raises NotABlockLog if the first line is not a session line.
        """
        for line in lines:
            self._line += 1
            self._byte = self._end
            self._end += len(line)
            if line.endswith(b"\n"):
                self._take(line)
            else:
                self._torn_line(line)
            if self._found:
                yield from self._found
                self._found.clear()

    def _first_line(self, line: bytes) -> None:
        _require_log(line)
        self._open_session(line)

    def _torn_line(self, line: bytes) -> None:
        if self._take == self._first_line:
            _require_log(line)
        if self._block is not None and self._crc is not None and line.startswith(END):
            report = self._block.report
            if not format_trailer(report, self._crc).startswith(line):
                self._fault(f"the last line is not the end line of block {report.block}")

    def _open_session(self, line: bytes) -> None:
        self._whole = self._end
        self._number = 1
        self._positions = {}
        try:
            self._session = parse_session(line[:-1])
        except MalformedMessage as error:
            self._fault(f"{error}; the blocks of this session are not checked")
            self._take = self._ownerless
            return
        self._found.append(self._session)
        self._take = self._between

    def _between(self, line: bytes) -> None:
        if line.startswith(VERDICT):
            self._whole = self._end
            self._read_verdict(line)
            return
        self._take = self._opening
        if line != b"\n":
            self._fault("the empty line before this line is missing")
            self._opening(line)

    def _opening(self, line: bytes) -> None:
        if line.startswith(HEAD):
            self._head = self._line, self._byte, line
            self._crc = crc32(line)
            self._take = self._header_line
        elif line.startswith(SESSION):
            self._open_session(line)
        elif line == b"\n":
            self._fault("there is one empty line too many")
        else:
            self._fault("neither a block nor a session begins with this line")
            self._lose(line)

    def _header_line(self, line: bytes) -> None:
        if not line.startswith(HEADER):
            self._fault("the header is missing before this line")
            if line.startswith(HEAD):
                self._opening(line)
            else:
                self._skip_block(line)
            return
        try:
            header = parse_header(line[:-1])
        except MalformedMessage as error:
            self._fault(f"this header cannot be read: {error}")
            self._skip_block(line)
            return
        number = header.report.block
        if number != self._number:
            self._fault(f"block {number} stands where block {self._number} should")
        self._number = number + 1
        assert self._session is not None
        if self._is_thorough:
            self._block = CheckedBlock(header, self._session, self._positions)
        else:
            self._block = ScannedBlock(header)
        if self._head is not None:
            self._add(Fault, self._block.head_faults(self._head[2]), self._head[:2])
        self._fold(line)
        self._positions = dict(header.positions)
        self._header = self._line, self._byte
        self._take = self._body

    def _body(self, line: bytes) -> None:
        block = self._block
        assert block is not None
        if line.startswith(END):
            self._close(block, line)
            return
        if line == b"\n" or line.startswith((HEAD, SESSION)):
            self._fault(f"block {self._number - 1} has no end line before this line")
            self._block = None
            self._take = self._between
            self._between(line)
            return
        if line.startswith(VERDICT):
            self._save_verdict(line)
        self._fold(line)
        try:
            faults = block.take(line)
        except MalformedMessage as error:
            faults = [str(error)]
            block.is_readable = False
        if faults:
            self._add(Fault, faults)
        if line.startswith(GAP):
            self._add(Remark, block.remarks())

    def _close(self, block: ScannedBlock, line: bytes) -> None:
        self._leave_block()
        self._add(Fault, block.faults(), self._header)
        self._add(Oddity, block.oddities(), self._header)
        self._found.append(block)
        try:
            trailer = parse_trailer(line[:-1])
        except MalformedMessage as error:
            self._fault(str(error))
            return
        number = block.report.block
        if (trailer.block, trailer.size) != (number, block.messages):
            self._fault(
                f"the end line is of block {trailer.block} with {trailer.size} messages, "
                f"but this is block {number} with {block.messages}"
            )
        block.is_whole = block.is_readable and trailer.crc == self._crc
        if self._crc is not None and trailer.crc != self._crc:
            self._fault(f"block {number} does not match its checksum")

    def _read_verdict(self, line: bytes) -> None:
        try:
            found = parse_verdict(line[:-1])
        except MalformedMessage as error:
            self._fault(str(error))
            return
        if found.block >= self._number:
            self._fault(f"a verdict of block {found.block} stands before the block")
        self._found.append(found)

    def _save_verdict(self, line: bytes) -> None:
        """Keep a verdict found among damaged lines, if it can be read."""
        with suppress(MalformedMessage):
            self._found.append(parse_verdict(line[:-1]))

    def _leave_block(self) -> None:
        self._block = None
        self._whole = self._end
        self._take = self._between

    def _skip_block(self, line: bytes) -> None:
        self._number += 1
        self._positions = {}
        self._lose(line)

    def _lose(self, line: bytes) -> None:
        """Continue with the next line whose kind is clear, perhaps this one."""
        self._take = self._lost
        if not line.startswith(HEADER):
            self._lost(line)

    def _lost(self, line: bytes) -> None:
        if line.startswith((HEAD, SESSION)):
            self._opening(line)
        elif line.startswith(HEADER):
            self._head = self._crc = None
            self._header_line(line)
        elif line.startswith(END):
            self._leave_block()
            self._found.append(LostBlock(is_ownerless=False))
        elif line.startswith(VERDICT):
            self._save_verdict(line)

    def _ownerless(self, line: bytes) -> None:
        """Skip a line of a session whose session line cannot be read."""
        if line.startswith(SESSION):
            self._open_session(line)
        elif line.startswith(END):
            self._whole = self._end
            self._found.append(LostBlock(is_ownerless=True))

    def _fold(self, line: bytes) -> None:
        if self._crc is not None:
            self._crc = crc32(line, self._crc)

    def _fault(self, text: str) -> None:
        self._add(Fault, [text])

    def _add(
        self,
        kind: type[Fault | Oddity | Remark],
        texts: Sequence[str],
        at: tuple[int, int] | None = None,
    ) -> None:
        """Add findings with *texts* at a line and its first byte; None: the current line."""
        line, byte = at or (self._line, self._byte)
        self._found += [kind(line, byte, text) for text in texts]


def scan_file(path: Path, scanner: Scanner) -> Iterator[Part]:
    """
    Yield the parts of the log at *path*, with one line in memory at a time.

    A client may be writing to it: an incomplete block is a torn tail. Raises
    NotABlockLog and OSError.
    """
    with path.open("rb") as log:
        yield from scanner.scan(_lines(log))


def _lines(log: BinaryIO) -> Iterator[bytes]:
    """Yield the lines present now; only the last one may lack its line feed."""
    line = b"\n"
    while line.endswith(b"\n") and (line := log.readline(LINE_BYTES)):
        if len(line) == LINE_BYTES:
            raise NotABlockLog(f"a line has {LINE_BYTES} bytes or more")
        yield line


def _require_log(line: bytes) -> None:
    if not line.startswith(SESSION + b"{"):
        raise NotABlockLog("its first line is not a session line")
