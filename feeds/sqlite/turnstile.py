"""
The turnstile before an SQLite database: promises go first.

SQLite has one lock for writers and no queue for it: a writer that waits looks again
after growing pauses, up to 0.1 s. A process that begins one transaction after the
other, for example to store the connections of strangers, can keep the lock from all
others for many seconds. So every write, a transaction or a single statement, passes the
turnstile. A writer waits until the turnstile is free, then holds it until it has
SQLite's lock. A promise does not wait for the turnstile, and holds it until it is committed. So it
only waits for the writer that has the lock, and for at most one other.

The turnstile is a lock of an empty file next to the database. The kernel frees it when
its owner ends. A process that is stopped, or hangs, delays others only once, and
briefly: nobody waits for the turnstile longer than `GIVE_WAY_SECONDS`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS, connections

GIVE_WAY_SECONDS = 0.25
"""Longest wait before a write: half the interval of promises. So many feeds together, or a
generator that hangs, slow down storing but do not stop it."""
LOOK_SECONDS = 0.001
"""Interval of looks at the turnstile: a look takes some microseconds."""


class Turnstile:
    """The turnstile of one database, as one connection sees it."""

    def __init__(self, database: Path) -> None:
        """Open the file next to *database*; without access to it, writes do not give way."""
        self._file: int | None = None
        self._is_jammed = False
        """Whether the last wait was in vain: no write waits until a look finds it free."""
        self._is_mine = False
        path = database.with_name(f"{database.name}-turnstile")
        with suppress(OSError):
            mode = database.stat().st_mode & 0o666  # the same users as the database
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
            os.fchmod(self._file, mode)  # the umask may have taken rights

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Let writes of other connections wait until the end of the block."""
        # Several may occupy it at the same time; this waits only while another connection looks.
        is_taken = self._take(fcntl.LOCK_SH, GIVE_WAY_SECONDS)
        self._is_mine = True
        try:
            yield
        finally:
            self._is_mine = False
            if is_taken:
                self._leave()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait until it is free, then hold it for the block; do nothing if it is held already."""
        if self._is_mine:
            yield
            return
        # Look only, without keeping the lock: a promise must not wait for this writer.
        is_free = self._take(fcntl.LOCK_EX, 0 if self._is_jammed else GIVE_WAY_SECONDS)
        if is_free:
            self._leave()
        self._is_jammed = not is_free
        with self.occupied():
            yield

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, lock: int, seconds: float) -> bool:
        """Return whether the file could be locked within *seconds*."""
        if self._file is None:
            return False
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._file, lock | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
                time.sleep(LOOK_SECONDS)
            except OSError:  # a file system without locks
                return False
            else:
                return True

    def _leave(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # an error of a network file system must not fail the write
                fcntl.flock(self._file, fcntl.LOCK_UN)


@contextmanager
def first() -> Iterator[None]:
    """
    Let the transactions of the block go before writes of other connections.

    Enter it before the transaction begins. PostgreSQL locks rows instead of the
    database, so there this does nothing.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    turnstile: Turnstile | None = getattr(connection, "turnstile", None)
    if turnstile is None:
        yield
        return
    with turnstile.occupied():
        yield
