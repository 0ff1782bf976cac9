"""The whole blocks of a block log, read forwards, a line at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from clientapp.core.errors import CouldNot
from clientapp.core.logline import (
    LoggedBlock,
    NotABlockLog,
    read_gap,
    read_header,
    read_session,
    read_trailer,
)
from clientapp.core.logtext import BLOCK_MARK, END_MARK, GAP_MARK, HEADER_MARK, SESSION_MARK
from clientapp.core.session import Session
from clientapp.verify import lines
from clientapp.wire.errors import MalformedMessage

_SESSION, _HEAD, _HEADER, _GAP, _END = (
    mark.encode("ascii") for mark in (SESSION_MARK, BLOCK_MARK, HEADER_MARK, GAP_MARK, END_MARK)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeBlock(LoggedBlock):
    """A block that fits its checksum: its header, and what lacks before its end."""

    missing: int
    """Offsets that its gap lines name; the ranges of the header know only announced ones."""


@dataclass(slots=True)
class LoggedSession:
    """A session of a log, and its whole blocks."""

    asked: Session
    blocks: list[WholeBlock] = field(default_factory=list)
    damaged: int = 0
    """Blocks that do not fit their checksum; they are left out."""


def read_sessions(path: Path) -> list[LoggedSession]:
    """
    Return the sessions of the log at *path*; its client may be running.

    Raises CouldNot, with a sentence, where it cannot be read.
    """
    try:
        with path.open("rb") as log:
            reader = _Reader()
            for line in lines(log):
                reader.take(line)
    except (NotABlockLog, MalformedMessage) as error:
        raise CouldNot(f"{path} is not a block log ({error})") from None
    except OSError as error:
        raise CouldNot(f"the log {path} cannot be read: {error.strerror}") from None
    return reader.sessions


class _Reader:
    def __init__(self) -> None:
        self.sessions: list[LoggedSession] = []
        self._crc = 0
        self._block: LoggedBlock | None = None
        self._missing = 0

    def take(self, line: bytes) -> None:
        if line.startswith(_SESSION):
            self.sessions.append(LoggedSession(read_session(line.rstrip(b"\n"))))
            return
        if not self.sessions:
            raise NotABlockLog("its first line is not a session line")
        if line.startswith(_END):
            self._close(self.sessions[-1], line)
            return
        if line.startswith(_HEAD):
            self._crc, self._block, self._missing = 0, None, 0
        elif line.startswith(_HEADER):
            self._block = _header(line)
        elif line.startswith(_GAP):
            self._note_gap(line)
        self._crc = crc32(line, self._crc)

    def _note_gap(self, line: bytes) -> None:
        try:
            gap = read_gap(line.rstrip(b"\n"))
        except MalformedMessage:
            self._block = None
        else:
            self._missing += max(0, gap.last - gap.first + 1)

    def _close(self, session: LoggedSession, line: bytes) -> None:
        try:
            is_whole = read_trailer(line.rstrip(b"\n")).crc == self._crc
        except MalformedMessage:
            is_whole = False
        if is_whole and self._block is not None:
            block = self._block
            session.blocks.append(
                WholeBlock(report=block.report, positions=block.positions, missing=self._missing)
            )
        elif line.endswith(b"\n"):
            session.damaged += 1
        self._block = None


def _header(line: bytes) -> LoggedBlock | None:
    try:
        return read_header(line.rstrip(b"\n"))
    except MalformedMessage:
        return None
