"""
The block log: the file that is the client's memory.

It only grows, by whole blocks, each in one write, under an exclusive lock. A torn
tail is cut off when the log is opened, so the client resumes after its last block.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ..core.block import Block
from ..core.errors import CouldNot
from ..core.outbox import WINDOW
from ..core.session import Session
from ..core.stamp import Stamp
from ..wire.from_server import Ack
from ..wire.message import Message
from ..wire.report import Report
from .format import format_block, format_message, format_session, format_verdict
from .parse import LoggedBlock, NotABlockLog
from .reader import Tail, Text, checksums, read_tail, reports_above

CANNOT_SYNC = (errno.EACCES, errno.EINVAL, errno.ENOTSUP)
"""Raised for a folder that is writable but not readable, or if its file system cannot
sync folders. A log can be kept there, but may not survive a power cut."""


class BlockLog:
    """
    One open block log, held by this process alone.

    Every failure is a `CouldNot` whose sentence names the file. With *is_synced*
    false, reports need not wait for the disk: the log survives its process, but
    may not survive a crash of the machine.
    """

    def __init__(self, path: Path, *, is_synced: bool = True) -> None:
        self.path = path
        self.is_synced = is_synced
        self.torn_bytes = 0
        """Bytes cut off the end when the log was opened."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CouldNot(f"the log {path} cannot be opened: {_why(error)}") from None
        try:
            self._lock()
            self._tail = self._recover()
            self._keep_private()
        except OSError as error:
            self.close()
            raise CouldNot(f"the log {path} cannot be opened: {_why(error)}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def session(self) -> Session | None:
        """The session that new blocks belong to; None in an empty log."""
        return self._tail.session

    @property
    def judged(self) -> int:
        """The highest block of the session with a verdict; 0: there is none."""
        return self._tail.judged

    @property
    def last(self) -> LoggedBlock | None:
        """The last block of the session; None: there is none."""
        return self._tail.last

    def begin(self, session: Session) -> None:
        """Begin a new session: all later blocks belong to it."""
        blank = b"\n" if self._tail.end else b""
        end = self._append(blank + format_session(session))
        self._tail = Tail(session=session, blocks_from=end, end=end)

    def format(self, message: Message, data: Any, stamp: Stamp) -> str:
        """
        Format the line of a message whose kept record is *data*.

        Raises ValueError for a record that JSON cannot write.
        """
        return format_message(message, data, stamp)

    def append(self, block: Block) -> int:
        """Write a block of the session; return its size in bytes."""
        text = format_block(block)
        end = self._append(b"\n" + text)
        last = LoggedBlock(
            report=block.report, positions=block.positions, due=block.due, rates=block.rates
        )
        self._tail = replace(self._tail, end=end, last=last)
        return len(text)

    def reports_above(self, number: int, most: int = WINDOW) -> list[Report]:
        """
        Read back the reports of the first *most* blocks above *number*, in order.

        This may be called in a thread while the session continues.
        """
        tail = self._tail
        with self._text() as text:
            return reports_above(text, tail, number, most)

    def note(self, ack: Ack) -> None:
        """Write a verdict; it is not synced, because the server has stored it."""
        end = self._append(format_verdict(ack))
        judged = max(self._tail.judged, ack.block)
        self._tail = replace(self._tail, end=end, judged=judged)

    def checksums(self, number: int) -> dict[str, list[tuple[int, int]]]:
        """Read back the offset and CRC-32 of each message of a block, by feed."""
        with self._text() as text:
            return checksums(text, self._tail, number)

    def sync(self) -> None:
        """Wait until everything written so far is on the disk, under its name."""
        # This may run in a thread while the session continues.
        end = self._tail.end
        try:
            os.fsync(self._file)
            self._require_untouched(end)
        except OSError as error:
            raise CouldNot(f"the log {self.path} cannot be written: {_why(error)}") from None

    def close(self) -> None:
        """Release the log; closing it twice is fine."""
        if self._file != -1:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise CouldNot(f"the log {self.path} is not a regular file")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CouldNot(
                f"another client writes the log {self.path}; choose another one with --log"
            ) from None
        except OSError as error:
            raise CouldNot(f"the log {self.path} cannot be locked: {_why(error)}") from None

    def _recover(self) -> Tail:
        try:
            with self._text() as text:
                tail = read_tail(text)
                self.torn_bytes = len(text) - tail.end
        except NotABlockLog as error:
            raise CouldNot(
                f"{self.path} is not a block log, and was not changed ({error}); "
                "choose another one with --log"
            ) from None
        if self.torn_bytes:
            os.ftruncate(self._file, tail.end)
        if tail.end == 0:
            _sync_folder(self.path.parent)
        return tail

    def _keep_private(self) -> None:
        """Close a log of an earlier version to other users: it holds the key of its session."""
        mode = stat.S_IMODE(os.fstat(self._file).st_mode)
        if mode & 0o077:
            with suppress(PermissionError):  # of a log that belongs to another user
                os.fchmod(self._file, mode & ~0o077)

    @contextmanager
    def _text(self) -> Iterator[Text]:
        """Map the file; yield empty bytes for an empty one, which cannot be mapped."""
        try:
            is_empty = os.fstat(self._file).st_size == 0
            text = None if is_empty else mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise CouldNot(f"the log {self.path} cannot be read: {_why(error)}") from None
        if text is None:
            yield b""
        else:
            with text:
                yield text

    def _require_untouched(self, end: int) -> None:
        """
        Raise CouldNot if the log was moved or removed, or cut below *end* bytes.

        The next start would not find blocks written to such a log.
        """
        mine = os.fstat(self._file)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            what = "removed" if mine.st_nlink == 0 else "renamed"
        else:
            what = "" if os.path.samestat(mine, there) else "replaced by another file"
        if not what and mine.st_size < end:
            what = f"cut short from {end} to {mine.st_size} bytes"
        if what:
            raise CouldNot(f"the log {self.path} was {what} while it was being written")

    def _append(self, text: bytes) -> int:
        """Write all of *text* or nothing; return where the log ends now."""
        written = 0
        try:
            self._require_untouched(self._tail.end)
            while written < len(text):
                written += os.write(self._file, text[written:])
        except OSError as error:
            with suppress(OSError):  # the next start removes a torn tail
                os.ftruncate(self._file, self._tail.end)
            raise CouldNot(f"the log {self.path} cannot be written: {_why(error)}") from None
        return self._tail.end + written


def _sync_folder(folder: Path) -> None:
    """Sync a new file's name to the disk, if its folder allows it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise


def _why(error: OSError) -> str:
    return error.strerror or str(error)
