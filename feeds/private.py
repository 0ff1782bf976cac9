"""
Files and folders of local state, which only their owner may use.

They hold data from clients, hashes of passwords, and the secret key. Files are created with mode
600 and folders with mode 700. Those of earlier versions are corrected.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

OTHERS = 0o077
"""The rights of all users but the owner."""
DATABASE_PARTS = ("", "-wal", "-shm", "-journal", "-turnstile")
"""Endings of the names that an SQLite database's files have."""
OURS = ("db.sqlite3", "secret_key", "admin_password", "set_aside.jsonl", "valkey", "metrics")
"""Beginnings of the names that our files in the folder of local state have."""


def make_file(path: Path) -> None:
    """
    Create *path* empty, with mode 600, unless it exists; raises OSError.

    An existing file is not even opened: the kernel drops all POSIX locks of a process on a
    file when the process closes any descriptor of it, and SQLite relies on these locks.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def tighten_folder(folder: Path) -> None:
    """
    Close *folder*, the folder of local state, and our files in it to other users.

    A folder that holds anything else, such as a home folder, keeps its mode.
    """
    names = [path.name for path in folder.iterdir()]
    for name in names:
        if name.startswith(OURS):
            tighten(folder / name)
    if all(name.startswith(OURS) for name in names):
        tighten(folder)


def tighten_database(path: Path) -> None:
    """Close the SQLite database *path*, and the files beside it, to other users."""
    for part in DATABASE_PARTS:
        tighten(path.with_name(f"{path.name}{part}"))


def tighten(path: Path) -> None:
    """
    Close *path* to other users, and log that; do nothing if it does not exist.

    A link stays as it is. If this user may not change the mode, the log says so.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode) or not mode & OTHERS:
        return
    try:
        path.chmod(mode & ~OTHERS)
    except OSError as error:
        log.warning(
            "%s is open to other users of this host (mode %o), which cannot be changed: %s",
            path,
            mode,
            error.strerror,
        )
    else:
        log.warning(
            "%s was open to other users of this host (mode %o); now only its owner may use it",
            path,
            mode,
        )
