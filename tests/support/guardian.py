"""
A process that ends everything a killed test run leaves behind.

Every process of pytest starts one guardian. The guardian watches a pipe whose other end only that
process has open, so it notices when the process ends, even by SIGKILL. It then kills all processes
that inherited the mark: an environment variable that reaches every process a test starts, at any
depth. It reads ``/proc``, so it works on Linux only; elsewhere it does nothing.

It runs as a script, with the mark as its argument.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

VARIABLE = "BLOCKFEED_TEST_MARK"
LOOKS = 5
"""Consecutive looks that must find nothing before the guardian ends, since a program may be
starting another."""
LOOK_SECONDS = 0.1
LONGEST_SECONDS = 10.0

_pipes: list[int] = []
"""Descriptors that stay open as long as this process lives."""


def guard() -> None:
    """Mark every process that this one starts from now on; none will outlive it."""
    if sys.platform != "linux":
        return
    mark = f"{os.getpid()}-{secrets.token_hex(8)}"
    os.environ[VARIABLE] = mark
    watched, held = os.pipe()
    _pipes.append(held)
    command = [sys.executable, "-I", "-S", __file__, mark]
    # An empty environment, so that no guardian finds itself or another guardian.
    to_stdin = [(os.POSIX_SPAWN_DUP2, watched, 0)]
    os.posix_spawn(sys.executable, command, {}, file_actions=to_stdin, setsid=True)
    os.close(watched)


def mark() -> dict[str, str]:
    """Return the variables for a process with its own environment."""
    return {name: os.environ[name] for name in (VARIABLE,) if name in os.environ}


def marked(mark: str) -> list[int]:
    """Return the processes that inherited *mark*."""
    wanted = f"{VARIABLE}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        # A process may end, or belong to another user, while it is inspected.
        with suppress(OSError):
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def with_descendants(pids: list[int]) -> list[int]:
    """
    Return *pids* and their descendants, children first.

    `marked` does not find PostgreSQL's processes, which overwrite their environment.
    """
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                # The name in parentheses may contain anything.
                parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(entry.name))
    found = list(pids)
    for pid in found:
        found += [child for child in children.get(pid, []) if child not in found]
    return found[::-1]


def main() -> None:
    """Wait for the end of the guarded process, then kill the processes that it left."""
    # The terminal's Ctrl-C does not reach this process, which has its own session.
    os.read(0, 1)
    end, looks = time.monotonic() + LONGEST_SECONDS, 0
    while looks < LOOKS and time.monotonic() < end:
        left = marked(sys.argv[1])
        for pid in with_descendants(left):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        looks = 0 if left else looks + 1
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
