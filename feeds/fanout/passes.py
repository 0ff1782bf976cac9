"""
The pass: writes the same frames to each socket of a cohort without blocking.

This is all the work that a server does per client and message. It runs in C if
``python -m tools.compile`` has been run, as `make` does, otherwise in Python, with
the same result (docs/decisions/0011-a-compiled-pass-where-there-is-a-compiler.md).
"""

from __future__ import annotations

import ctypes
import os
import sysconfig
import zlib
from array import array
from pathlib import Path

from feeds.core.subscriber import Pass

SOURCE = Path(__file__).with_name("pass.c")
FOLDER = SOURCE.parents[2] / "build"
"""The folder of the compiled library."""


def library(folder: Path = FOLDER) -> Path:
    """Return the path of the library that is compiled from this source for this platform."""
    checksum = zlib.crc32(SOURCE.read_bytes())
    return folder / f"pass-{sysconfig.get_platform()}-{checksum:08x}.so"


def best_pass(folder: Path = FOLDER) -> Pass:
    """Return the compiled pass, or the Python one if no library can be loaded."""
    try:
        return CompiledPass(library(folder))
    except OSError:
        return python_pass


def python_pass(sockets: array[int], frames: bytes) -> list[tuple[int, int]]:
    """Write *frames* to each of *sockets*; see `Pass`."""
    size = len(frames)
    short = []
    # Anything added to this loop costs time for each client and message.
    for at, descriptor in enumerate(sockets):
        try:
            if (sent := os.write(descriptor, frames)) == size:
                continue
        except OSError:
            sent = 0
        short.append((at, sent))
    return short


class CompiledPass:
    """The pass of a compiled library; other threads run meanwhile."""

    def __init__(self, path: Path) -> None:
        """Load the library at *path*; raises OSError."""
        self._pass = ctypes.CDLL(str(path))["pass"]
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        self._pass.argtypes = (pointer, size, ctypes.c_char_p, size, pointer)
        self._pass.restype = size
        self._sent = array("q")

    def __call__(self, sockets: array[int], frames: bytes) -> list[tuple[int, int]]:
        """Write *frames* to each of *sockets*; see `Pass`."""
        count, size = len(sockets), len(frames)
        if len(self._sent) < count:
            self._sent = array("q", bytes(count * self._sent.itemsize))
        sent = self._sent
        if not self._pass(_address(sockets), count, frames, size, _address(sent)):
            return []
        return [(at, sent[at]) for at in range(count) if sent[at] != size]


def _address(numbers: array[int]) -> int:
    return numbers.buffer_info()[0]
