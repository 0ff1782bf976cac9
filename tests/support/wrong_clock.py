"""A wall clock of its own for a process, which a test sets as it likes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from feeds.live.valkey import runtime_directory
from tests.support.embedded import serves
from tests.support.stack import Stack, until

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
"""Its reading of the clock's file is locked; the other one's is a race between threads."""
needs_faketime = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("faketime") is None, reason="faketime is not installed"
)


class WrongClock:
    """The clock of whatever is started within `worn`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._file = stack.folder / f"{id(self)}.clock"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Let the clock be wrong by so many seconds, within a second from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}", encoding="ascii")
        new.replace(self._file)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """
        Start processes by this clock; durations are as ever.

        Under faketime no process can wait for Valkey. So this waits until one
        answers, which a process without this clock has started.
        """
        layer = runtime_directory(str(self._stack.folder / "var"))
        until(lambda: serves(layer), lambda: f"no Valkey answers in {layer}")
        before = dict(self._stack.environment)
        (library,) = Path("/").glob(LIBRARY.removeprefix("/"))
        self._stack.environment |= {
            "LD_PRELOAD": os.fspath(library),
            "FAKETIME_TIMESTAMP_FILE": os.fspath(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        yield
        self._stack.environment = before
