"""The processor time of other processes, where the system tells it."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")


def seconds_of(process: int | None) -> float | None:
    """
    Return the processor seconds of a running process, or None.

    None where none is given, there is no such process, or no ``/proc`` (macOS).
    """
    try:
        # The name in brackets may hold spaces: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        fields = (PROC / str(process) / "stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
