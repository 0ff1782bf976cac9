"""
The process that owns one embedded Valkey: started by a user, left by the last.

Started as ``python -I -S keeper.py DIRECTORY BINARY LOCK`` by
``feeds.layer.valkey``; standard library only, so that it is up in no time.
Two locks in the directory decide everything. They are flocks: the operating
system drops them with their holder, however it ends.

``users``   shared, held by each process that uses the server, until it ends
``keeper``  exclusive, held by the keeper

1. One keeper at most. A starter takes ``keeper`` without waiting and hands the
   very lock, an open descriptor, to the process that it starts.
2. No keeper without a user. A starter is a user first; a keeper that can take
   ``users`` exclusively stops its server and leaves. Who wants to become a
   user at that moment waits until it has left.
3. No server without a keeper. Linux kills it with its keeper; elsewhere the
   next keeper stops the one it finds.
4. A lock is only ever closed, never unlocked: a fork shares it, and an unlock
   in one process would take it from the other.
5. A keeper that leaves takes the directory along, and a person may remove it at
   any time. So a lock counts only while its file is the one at its path.

The server stores nothing, so it is never asked to stop but killed: this also
works on one that hangs.
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
"""How soon a keeper notices that its server died or its last user left."""
RESTART_SECONDS = 1.0
"""At most one start per this time, or a server that cannot run fills the log."""
TOUCH_SECONDS = 3600.0
"""How often the files are touched, because cleaners of /tmp remove old ones."""
ANSWER_SECONDS = 2.0
"""A server that takes longer to answer a ping hangs."""

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``: the signal a process gets when its parent ends."""


def open_lock(path: Path) -> int:
    """Return a new descriptor of the lock file *path*, not yet locked."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(lock: int, how: int) -> bool:
    """Tell whether *lock* could be taken now; it is held until closed."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_current(lock: int, path: Path) -> bool:
    """Tell whether *path* is still the file that *lock* was opened at."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def ask(path: Path, command: bytes) -> bytes | None:
    """
    Return the first bytes that a server answers to *command*.

    They are empty where it ends instead. None: there is no server on the
    socket *path*, or it hangs.
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
    Run the server in *directory* until its last user ends, or somebody removes it.

    *lock* is the lock ``keeper``, taken by the caller; it is closed at the end.
    """
    ask(directory / SOCKET, b"SHUTDOWN NOSAVE")  # to the server of a killed keeper, if it lives
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
    # Where no server came up, the directory stays: a user was told to read the log in it.
    if (directory / SOCKET).exists() and is_current(users, directory / USERS):
        remove(directory)
    # In this order: who becomes a user next must find the other lock free.
    os.close(lock)
    os.close(users)


def remove(directory: Path) -> None:
    """Remove *directory* in one instant: who comes meanwhile makes another, all its own."""
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
        # There is nothing to keep: a key that somebody sets may not grow.
        "maxmemory": ["64mb"],
        # A subscriber may fall behind by a pause of its event loop: several
        # seconds of a fast feed. The default, 8 MB a minute, cuts it off.
        "client-output-buffer-limit": ["pubsub", "64mb", "32mb", "10"],
    }
    arguments = [word for name, values in options.items() for word in (f"--{name}", *values)]
    return subprocess.Popen(  # noqa: S603  its own binary
        [binary, *arguments],
        stdin=subprocess.DEVNULL,
        # A locale that is set, but not installed, would stop it.
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=_end_with_parent(os.getpid()),  # noqa: PLW1509  there are no threads here
    )


def _end_with_parent(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)

    return ask_kernel


def main() -> None:
    """Become a process of its own, then keep; the starter need not wait."""
    directory, binary, lock = sys.argv[1:]
    if os.fork():
        os._exit(0)
    # It leaves when its users do: a signal to all of them must not hurry it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    keep(Path(directory), binary, int(lock))


if __name__ == "__main__":
    main()
