"""The whole blocks of a block log, read forwards, a line at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from ...core.errors import CouldNot
from ...core.session import Session
from ...log.line import (
    LoggedBlock,
    NotABlockLog,
    read_gap,
    read_header,
    read_session,
    read_trailer,
    read_verdict,
)
from ...log.text import (
    BLOCK_MARK,
    END_MARK,
    GAP_MARK,
    HEADER_MARK,
    SESSION_MARK,
    VERDICT_MARK,
)
from ...verify import lines
from ...wire.errors import MalformedMessage

_SESSION, _HEAD, _HEADER, _GAP, _END, _VERDICT = (
    mark.encode("ascii")
    for mark in (SESSION_MARK, BLOCK_MARK, HEADER_MARK, GAP_MARK, END_MARK, VERDICT_MARK)
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
    verdicts: dict[int, str] = field(default_factory=dict)
    """What the server found, by the number of the block; a later word replaces an earlier one."""


@dataclass(slots=True)
class BlockFile:
    """What a log holds, and how much of it is left out."""

    sessions: list[LoggedSession] = field(default_factory=list)
    damaged: int = 0
    """Blocks that do not fit their checksum."""
    ownerless: int = 0
    """Blocks of sessions whose line cannot be read: nobody knows who asked for what."""


def read_blocks(path: Path) -> BlockFile:
    """
    Return what the log at *path* holds; its client may be running.

    A torn tail is left out without a word, also where it is the line of a
    session. Raises CouldNot, with a sentence, where it cannot be read.
    """
    reader = _Reader()
    try:
        with path.open("rb") as log:
            for line in lines(log):
                reader.take(line)
    except NotABlockLog as error:
        raise CouldNot(f"{path} is not a block log ({error})") from None
    except OSError as error:
        raise CouldNot(f"the log {path} cannot be read: {error.strerror}") from None
    return reader.file


def left_out(files: Sequence[BlockFile]) -> list[str]:
    """Return the sentences about what *files* leave out."""
    found = {
        "Blocks that do not fit their checksum and are left out": sum(
            file.damaged for file in files
        ),
        "Blocks that are left out, for the line of their session cannot be read": sum(
            file.ownerless for file in files
        ),
    }
    return [f"{text}: {count}." for text, count in found.items() if count]


class _Reader:
    def __init__(self) -> None:
        self.file = BlockFile()
        self._is_begun = False
        self._session: LoggedSession | None = None
        self._crc = 0
        self._block: LoggedBlock | None = None
        self._missing = 0

    def take(self, line: bytes) -> None:
        if not self._is_begun and not line.startswith(_SESSION + b"{"):
            raise NotABlockLog("its first line is not a session line")
        self._is_begun = True
        if line.startswith(_SESSION):
            self._open(line)
            return
        if line.startswith(_END):
            self._close(line)
            return
        if line.startswith(_VERDICT):
            self._judge(line)
            return
        if line.startswith(_HEAD):
            self._crc, self._block, self._missing = 0, None, 0
        elif line.startswith(_HEADER):
            self._block = _header(line)
        elif line.startswith(_GAP):
            self._note_gap(line)
        self._crc = crc32(line, self._crc)

    def _open(self, line: bytes) -> None:
        try:
            self._session = LoggedSession(read_session(line.rstrip(b"\n")))
        except MalformedMessage:
            self._session = None
        else:
            self.file.sessions.append(self._session)

    def _judge(self, line: bytes) -> None:
        try:
            said = read_verdict(line.rstrip(b"\n"))
        except MalformedMessage:
            return  # its block counts as not judged
        if self._session is not None:
            self._session.verdicts[said.block] = said.verdict

    def _note_gap(self, line: bytes) -> None:
        try:
            gap = read_gap(line.rstrip(b"\n"))
        except MalformedMessage:
            self._block = None
        else:
            self._missing += max(0, gap.last - gap.first + 1)

    def _close(self, line: bytes) -> None:
        block, self._block = self._block, None
        try:
            is_whole = read_trailer(line.rstrip(b"\n")).crc == self._crc
        except MalformedMessage:
            is_whole = False
        if self._session is None:
            self.file.ownerless += line.endswith(b"\n")
        elif is_whole and block is not None:
            self._session.blocks.append(
                WholeBlock(
                    report=block.report,
                    positions=block.positions,
                    due=block.due,
                    rates=block.rates,
                    missing=self._missing,
                )
            )
        elif line.endswith(b"\n"):
            self.file.damaged += 1


def _header(line: bytes) -> LoggedBlock | None:
    try:
        return read_header(line.rstrip(b"\n"))
    except MalformedMessage:
        return None
