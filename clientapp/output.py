"""
The standard output of a program, which may fail: a full disk, a closed pipe.

One place turns that into a sentence, so that neither a client nor a command of
the server ends in a traceback over a line that nobody can read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import UnsupportedOperation
from typing import Any, TextIO, cast

from .core.errors import CouldNot


class OutputGone(CouldNot):
    """Standard output cannot be written any more."""


class Output:
    """Standard output as before, except that a failure raises `OutputGone` once."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text*."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._gone(error) from None

    def flush(self) -> None:
        """Write what is buffered."""
        try:
            self._stream.flush()
        except OSError as error:
            raise self._gone(error) from None

    def _gone(self, error: OSError) -> OutputGone:
        """Let all that follows go nowhere; return what to raise."""
        # Otherwise the interpreter tries once more at exit, and complains.
        with suppress(UnsupportedOperation):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            return OutputGone("nobody reads the output any more")
        return OutputGone(f"the output cannot be written: {error.strerror or error}")


@contextmanager
def guarded_output() -> Iterator[None]:
    """Let failures of standard output raise `OutputGone`, also those of its last flush."""
    stream = sys.stdout
    guarded = Output(stream)
    sys.stdout = cast(TextIO, guarded)
    try:
        yield
    except BaseException:
        # What ended the program is what counts.
        with suppress(OutputGone):
            guarded.flush()
        raise
    else:
        guarded.flush()
    finally:
        sys.stdout = stream
