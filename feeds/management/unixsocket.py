"""
A Unix socket on which a server listens, named by its path.

Only the owner of the server's process and its group may connect. The file stays when
the server stops; the next server replaces it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.management.base import CommandError

UMASK = 0o117
"""Leaves mode 0660, whatever the umask of the process; connecting needs the right to write."""


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """The path of a socket, which is absolute."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def listen(self, *, backlog: int) -> socket.socket:
        """
        Return a non-blocking socket that listens at this path.

        The socket of a server that has ended is replaced. Raises CommandError if a server listens
        there, or if the path is not a socket.
        """
        try:
            with _alone(self.path.parent):
                self._clear()
                return self._listen(backlog)
        except OSError as error:
            reason = error.strerror or error  # a path that is too long has no error number
            raise CommandError(f"cannot listen at {self}: {reason}") from None

    def _clear(self) -> None:
        """Remove a socket that nobody listens on."""
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise CommandError(
                f"cannot listen at {self}: the path exists and is not a socket. "
                "Name another path, or move it away"
            )
        with socket.socket(socket.AF_UNIX) as caller:
            caller.setblocking(False)
            answer = caller.connect_ex(str(self.path))
        if answer != errno.ECONNREFUSED:
            # With a full queue (EAGAIN), or for another user (EACCES), it may be in use.
            raise CommandError(
                f"cannot listen at {self}: another server listens there, or may do so. "
                "Stop it, or name another path"
            )
        self.path.unlink()

    def _listen(self, backlog: int) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        before = os.umask(UMASK)
        try:
            listener.bind(str(self.path))
            listener.listen(backlog)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        listener.setblocking(False)
        return listener


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of *folder*: if two servers start at once, the second finds the first."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
