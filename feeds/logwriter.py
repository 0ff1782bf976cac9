"""
A handler that writes log lines without waiting for their reader.

If stderr is a pipe that nobody reads, or a terminal that is held by Ctrl-S, a write to
it blocks. In a server that would stop all feeds. So a thread writes. While it waits, a
limited amount of lines waits with it, and further lines are dropped and counted.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections import deque
from contextlib import suppress

MOST_BYTES = 2**20
"""Bytes of lines that wait: about 10,000 lines, and as much memory as ten connections take."""
FLUSH_SECONDS = 1.0
"""Time that an ending program waits for its last lines to be read."""


class LogWriter(logging.Handler):
    """A handler for stderr, or for the open *file*, a descriptor."""

    def __init__(self, file: int | None = None) -> None:
        super().__init__()
        self._file = file
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Start without lines and without a thread; a fork has none of its parent's."""
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of *record*, or count it if too many are waiting."""
        try:
            text = f"{self.format(record)}\n"
        except Exception:  # noqa: BLE001  `handleError` shows it, as in every handler
            self.handleError(record)
            return
        if self._file is None and sys.stderr is not sys.__stderr__:
            # Somebody in this process reads the lines, such as a test.
            sys.stderr.write(text)
            return
        line = text.encode(errors="backslashreplace")
        with self._changed:
            if self._size + len(line) > MOST_BYTES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._size += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all lines are written, at most `FLUSH_SECONDS`."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._lines and not self._is_writing, timeout=FLUSH_SECONDS
            )

    def _write(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                line = self._lines.popleft()
                self._size -= len(line)
                self._is_writing = True
                if self._dropped and not self._lines:
                    line += b"%d lines of the log were dropped: nobody read them\n" % self._dropped
                    self._dropped = 0
            with suppress(OSError):  # nobody will ever read it
                while line:
                    line = line[os.write(2 if self._file is None else self._file, line) :]
