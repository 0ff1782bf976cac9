"""
The standard output of a program, which may fail: a full disk, a closed pipe.

This module turns such a failure into a sentence, so that neither a client nor a
command of the server ends in a traceback because of it.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import UnsupportedOperation
from typing import Any, BinaryIO, TextIO, cast

from .core.errors import CouldNot


class OutputGone(CouldNot):
    """Standard output can no longer be written."""


class Output:
    """A wrapper of standard output whose first failure raises `OutputGone`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> BinaryIO:
        """The wrapper of the stream for bytes."""
        return cast(BinaryIO, Output(cast(TextIO, self._stream.buffer)))

    def write(self, text: str) -> int:
        """Write *text*; bytes if this wraps a stream for bytes."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise self._gone(error) from None

    def flush(self) -> None:
        """Flush the buffer."""
        try:
            self._stream.flush()
        except OSError as error:
            raise self._gone(error) from None

    def _gone(self, error: OSError) -> OutputGone:
        """Discard all further output; return the exception to raise."""
        # Otherwise the interpreter flushes again at exit, and prints an error.
        with suppress(UnsupportedOperation):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            return OutputGone("nobody reads the output any more")
        return OutputGone(f"the output cannot be written: {error.strerror or error}")


@contextmanager
def guarded_output() -> Iterator[None]:
    """Make failures of standard output raise `OutputGone`, including the last flush."""
    stream = sys.stdout
    guarded = Output(stream)
    sys.stdout = cast(TextIO, guarded)
    try:
        yield
    except BaseException:
        # The exception that ended the program matters more.
        with suppress(OutputGone):
            guarded.flush()
        raise
    else:
        guarded.flush()
    finally:
        sys.stdout = stream


def wrapped(sentence: str, stream: TextIO) -> str:
    """
    Return *sentence* broken between words, at the width of the terminal.

    Unchanged if *stream* is not a terminal: a file or a pipe gets one line per sentence.
    Paths and addresses stay whole.
    """
    if not stream.isatty():
        return sentence
    return textwrap.fill(
        sentence,
        shutil.get_terminal_size().columns,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
