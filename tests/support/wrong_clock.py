"""A separate wall clock for a process, which a test can set."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
"""The library that shifts the wall clock; durations are unaffected."""
SHIFT = struct.Struct("=q")
"""The contents of its file: seconds."""
needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="needs Linux and a C compiler (cc)",
)


class WrongClock:
    """A wall clock for all programs that are started within `environment`."""

    def __init__(self, folder: Path, seconds: int = 0) -> None:
        """Compile the library into *folder*; the clock is wrong by *seconds*."""
        library, file = folder / "wrong_clock.so", folder / "wrong_clock.shift"
        flags = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
        subprocess.run(["cc", *flags, str(SOURCE), "-o", str(library)], check=True)
        self.environment = {
            "LD_PRELOAD": os.fspath(library),
            "WRONG_CLOCK_FILE": os.fspath(file),
        }
        """Variables that give this clock to a program and all its children."""
        file.write_bytes(SHIFT.pack(seconds))
        with file.open("r+b") as opened:
            self._shift = mmap.mmap(opened.fileno(), SHIFT.size)

    def set(self, seconds: int) -> None:
        """Set the error of the clock to *seconds*, at once."""
        SHIFT.pack_into(self._shift, 0, seconds)
