"""
The process that owns one embedded Valkey: it ends when its last user ends.

``feeds.layer.valkey`` starts it as ``python -I -S keeper.py DIRECTORY BINARY LOCK``.
It uses only the standard library, so that it starts fast. Two locks in the directory
coordinate everything. They are flocks: the operating system releases them when their
holder ends, in whatever way.

``users``   shared, held by each process that uses the server, until it ends
``keeper``  exclusive, held by the keeper

1. At most one keeper. A starter takes ``keeper`` without waiting and passes the
   same lock, as an open descriptor, to the process that it starts.
2. No keeper without a user. A starter becomes a user first. A keeper that can take
   ``users`` exclusively stops its server and exits. A process that wants to become
   a user at that moment waits until the keeper has exited.
3. No server without a keeper. Linux kills it with its keeper; on other systems the
   next keeper stops a server that it finds.
4. Locks are only closed, never unlocked: a fork shares the lock, and an unlock
   in one process would release it in the other.
5. An exiting keeper removes the directory, and a person may remove it at any time.
   So a lock counts only while its file is the one at its path.

The server stores nothing, so it is killed instead of asked to stop: this also works
if it hangs.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

USERS = "users"
KEEPER = "keeper"
SOCKET = "socket"
LOG = "log"

POLL_SECONDS = 0.1
"""Interval at which a keeper checks whether its server or its last user has ended."""
RESTART_SECONDS = 1.0
"""Shortest time between two starts: without it, a server that cannot run would fill the log."""
TOUCH_SECONDS = 3600.0
"""Interval at which the files are touched, because cleaners of /tmp remove old files."""
ANSWER_SECONDS = 2.0
"""Time to answer a ping; a server that takes longer hangs."""

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``: the option for a signal when the parent process ends."""


def open_lock(path: Path) -> int:
    """Return a new descriptor of the lock file *path*, not yet locked."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(lock: int, how: int) -> bool:
    """Try to take *lock* now; tell whether that succeeded. It is held until closed."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_current(lock: int, path: Path) -> bool:
    """Tell whether the file at *path* is still the one that *lock* was opened on."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def ask(path: Path, command: bytes) -> bytes | None:
    """
    Return the first bytes of a server's answer to *command*.

    They are empty if it closes the connection instead. None if no server listens
    on the socket *path*, or if the server hangs.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
        except OSError:
            return None


def keep(directory: Path, binary: str, lock: int) -> None:
    """
    Run the server in *directory* until its last user ends or the directory is removed.

    *lock* is the ``keeper`` lock, taken by the caller; it is closed at the end.
    """
    ask(directory / SOCKET, b"SHUTDOWN NOSAVE")  # if the server of a killed keeper is still running
    users = open_lock(directory / USERS)
    server = start(directory, binary)
    started = touched = time.monotonic()
    while is_current(users, directory / USERS) and not try_lock(users, fcntl.LOCK_EX):
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if server.poll() is not None and now - started >= RESTART_SECONDS:
            server, started = start(directory, binary), now
        if now - touched >= TOUCH_SECONDS:
            touched = now
            for file in directory.iterdir():
                os.utime(file)
    server.kill()
    server.wait()
    # If no server started, keep the directory: the error message refers to the log in it.
    if (directory / SOCKET).exists() and is_current(users, directory / USERS):
        remove(directory)
    # In this order: the next user must find the ``keeper`` lock free.
    os.close(lock)
    os.close(users)


def remove(directory: Path) -> None:
    """Rename *directory*, then delete it: a process starting meanwhile creates a fresh one."""
    leaving = directory.rename(f"{directory}-{os.getpid()}")
    for file in leaving.iterdir():
        file.unlink()
    leaving.rmdir()


def start(directory: Path, binary: str) -> subprocess.Popen[bytes]:
    """Start the server *binary* in *directory*; it ends with this process."""
    options = {
        "port": ["0"],
        "unixsocket": [str(directory / SOCKET)],
        "unixsocketperm": ["700"],
        "dir": [str(directory)],
        "save": [""],
        "appendonly": ["no"],
        "daemonize": ["no"],
        "loglevel": ["warning"],
        # The server needs no memory for data: bound any keys that somebody sets.
        "maxmemory": ["64mb"],
        # A pause of its event loop may leave a subscriber several seconds of a fast
        # feed behind. The default, 8 MB for a minute, would disconnect it.
        "client-output-buffer-limit": ["pubsub", "64mb", "32mb", "10"],
    }
    arguments = [word for name, values in options.items() for word in (f"--{name}", *values)]
    return subprocess.Popen(  # noqa: S603  a binary that the caller chose
        [binary, *arguments],
        stdin=subprocess.DEVNULL,
        # With a locale that is set but not installed, it would not start.
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509  no threads here
    )


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent ended before the call
            os._exit(1)

    return ask_kernel


def main() -> None:
    """Fork, so that the starter need not wait, and run `keep` in the child."""
    directory, binary, lock = sys.argv[1:]
    if os.fork():
        os._exit(0)
    # It ends after its users: ignore signals that are sent to all of them.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keep(Path(directory), binary, int(lock))


if __name__ == "__main__":
    main()
