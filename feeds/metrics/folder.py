"""
The snapshots of the processes of this host: files in a folder of the installation.

Each process replaces its file once a second. It holds a lock for as long as it runs; the kernel
frees the lock, however the process ends. So a reader knows which processes run, without a clock.
When a process has ended, its counters are added to a sum over all ended processes,
and its other values are dropped.

Invariants: a counter that was read once never decreases; a file is whole or absent.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feeds.metrics.names import BY_NAME, Values

ENDED = "ended"
"""The name under which the counters of ended processes are kept."""
TURN = "turn"
"""The name of the lock that every reader and every starting process takes."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The values of all processes of this host at one moment."""

    running: list[Values]
    ended: Values
    """Counters only."""


class Folder:
    """The snapshots in the folder *path*, among them the one of the process *name*."""

    def __init__(self, path: Path, name: str) -> None:
        """Use *name*, which no other process has; only letters, digits and hyphens."""
        self._path = path
        self._name = name
        self._lock: int | None = None

    def write(self, values: Values) -> None:
        """Replace the snapshot of this process; raises OSError."""
        if self._lock is None or not (self._path / f"{self._name}.lock").exists():
            self.leave()  # somebody may have removed the folder
            self._enter()
        self._replace(self._name, values)

    def read(self) -> Snapshots:
        """Return all snapshots, and add up the counters of ended processes; raises OSError."""
        with self._turn():
            found = self._read(ENDED)
            ended: Values = found.get("values", {})
            running, gone = list[Values](), list[str]()
            for path in self._path.glob("*.lock"):
                name = path.stem
                if name in found.get("names", ()):
                    self._remove(name)  # a reader was killed before it removed these
                elif name == self._name or _is_held(path):
                    running.append(self._read(name))
                else:
                    gone.append(name)
            if gone:
                ended = add_up([ended, *(_counters(self._read(name)) for name in gone)])
                self._replace(ENDED, {"names": gone, "values": ended})
                for name in gone:
                    self._remove(name)
        return Snapshots([one for one in running if one], ended)

    def leave(self) -> None:
        """Free the lock of this process, whose snapshot is then its last one."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _enter(self) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nobody may find the lock before it is held.
        with self._turn():
            lock = _open(self._path / f"{self._name}.lock")
            fcntl.flock(lock, fcntl.LOCK_EX)
        self._lock = lock

    @contextmanager
    def _turn(self) -> Iterator[None]:
        turn = _open(self._path / TURN)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        finally:
            os.close(turn)

    def _replace(self, name: str, content: object) -> None:
        draft = self._path / f"{name}.new"
        with os.fdopen(_open(draft, os.O_TRUNC), "w", encoding="utf-8") as file:
            json.dump(content, file)
        draft.replace(self._path / f"{name}.json")

    def _read(self, name: str) -> Any:
        """Return the content of a file; empty if there is none, or after a power cut."""
        with suppress(FileNotFoundError, ValueError):
            return json.loads((self._path / f"{name}.json").read_text(encoding="utf-8"))
        return {}

    def _remove(self, name: str) -> None:
        for suffix in ("json", "new", "lock"):
            (self._path / f"{name}.{suffix}").unlink(missing_ok=True)


def add_up(several: Iterable[Values]) -> Values:
    """Return the sums of the values with the same name and label."""
    total: Values = {}
    for values in several:
        for name, labelled in values.items():
            sums = total.setdefault(name, {})
            for label, value in labelled.items():
                sums[label] = sums.get(label, 0) + value
    return total


def _counters(values: Values) -> Values:
    # A snapshot of another version may have other names.
    return {
        name: labelled
        for name, labelled in values.items()
        if name in BY_NAME and BY_NAME[name].kind == "counter"
    }


def _is_held(path: Path) -> bool:
    """Tell whether a process holds the lock at *path*."""
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _open(path: Path, more: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | more, 0o600)
