"""The processor time of other processes, on systems that report it."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROC = Path("/proc")
ENDED = ("Z", "X")
"""States of a process that has ended but that its parent has not waited for yet."""


def seconds_of(process: int | None) -> float | None:
    """
    Return the processor seconds of a running process.

    None if no process is given, it has ended, or there is no ``/proc`` (macOS).
    """
    try:
        # The name in brackets may hold spaces: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        fields = (PROC / str(process) / "stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] in ENDED:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """The processor time of one process, sampled by each call of `look`."""

    def __init__(self, process: int | None) -> None:
        """Watch *process*; None: watch nothing."""
        self._process = process
        self._spent = seconds_of(process)
        self._at = time.monotonic()
        self.shares: list[float] = []
        """Shares of a core, each between two samples; empty: unknown."""
        self.is_gone = False
        """Whether the process has ended since it was first seen."""

    def look(self) -> None:
        """Record the share used since the last sample, or that the process has ended."""
        if self._spent is None:
            return
        before, since = self._spent, self._at
        self._spent, self._at = seconds_of(self._process), time.monotonic()
        if self._spent is None:
            self.is_gone = True
        else:
            self.shares.append((self._spent - before) / (self._at - since))
