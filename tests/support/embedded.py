"""Processes that use an embedded Valkey, and helpers to inspect them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from feeds.layer import keeper, valkey
from tests.support.forks import popen
from tests.support.guardian import mark
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]

USER = """
import sys
sys.path.insert(0, sys.argv[1])
from feeds.layer import valkey
valkey.PATIENCE_SECONDS = float(sys.argv[2])
for key in map(str.rstrip, sys.stdin):
    try:
        print(valkey.acquire(key), flush=True)
    except valkey.ValkeyUnavailable as error:
        print("unavailable:", error, flush=True)
"""


class User:
    """A process that acquires the server of a key on request."""

    def __init__(
        self, key: str, *flags: str, path: str | None = None, patience: float = 20
    ) -> None:
        """Start with the interpreter's *flags* and *path* in place of PATH."""
        self._key = key
        self.process: subprocess.Popen[str] = popen(
            [sys.executable, *flags, "-c", USER, str(CHECKOUT), str(patience)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ if path is None else {"PATH": path, **mark()},
        )
        self.ask()

    def ask(self) -> None:
        """Request the server; `answer` returns the outcome."""
        assert self.process.stdin
        self.process.stdin.write(f"{self._key}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Return the address, or the sentence about its absence."""
        assert self.process.stdout
        return self.process.stdout.readline().rstrip()

    def leave(self) -> None:
        """End like a normal program."""
        self.process.communicate(timeout=PATIENCE_SECONDS)

    def kill(self) -> None:
        """End without warning."""
        self.process.kill()
        self.leave()


@contextlib.contextmanager
def lone_server(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server without a keeper in *directory*."""
    path = directory / keeper.SOCKET
    with subprocess.Popen(
        [valkey.find_binary(), "--port", "0", "--unixsocket", str(path), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=directory,
    ) as process:
        try:
            wait_until(lambda: serves(directory))
            yield process
        finally:
            process.kill()


def processes(directory: Path) -> dict[int, str]:
    """Return the command lines, by pid, of the keepers and servers of *directory*."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text().replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(directory) in command:
                found[int(entry.name)] = command
    return found


def pid_of(directory: Path, kind: str) -> int:
    """Return the pid of the only process of *directory* that names *kind*."""
    (pid,) = (pid for pid, command in processes(directory).items() if kind in command)
    return pid


def serves(directory: Path) -> bool:
    """Tell whether a server answers in *directory*."""
    return (keeper.ask(directory / keeper.SOCKET, b"PING") or b"").startswith(b"+PONG")


def is_gone(directory: Path) -> bool:
    """Tell whether *directory* and all its processes are gone."""
    return not processes(directory) and not directory.exists()


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Return once *condition* holds; raises TimeoutError if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{condition} never held")
        time.sleep(0.02)


def forget(directory: Path) -> None:
    """Give up this process's use, and remove the files of a server that never ran."""
    if lock := valkey._users.pop(directory, None):
        os.close(lock)
    wait_until(lambda: not processes(directory))
    shutil.rmtree(directory, ignore_errors=True)
