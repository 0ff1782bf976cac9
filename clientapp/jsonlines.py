"""Events as JSON, one object per line on standard output."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Self

from clientapp.core.errors import CouldNot
from clientapp.core.events import Event
from clientapp.wire import codec


class JsonLines:
    """Shows events to a program."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: every line is written at once."""

    def show(self, event: Event) -> None:
        """Write *event*; raises CouldNot once that is not possible any more."""
        write_line(codec.encode({"event": event.NAME, **asdict(event)}))


def write_line(text: str) -> None:
    """Write *text* to standard output at once; raises CouldNot."""
    try:
        print(text, flush=True)
    except OSError as error:
        raise output_gone(error) from None


def output_gone(error: OSError) -> CouldNot:
    """Silence standard output, which failed with *error*; return what to raise."""
    # Otherwise the interpreter tries once more at exit, and complains.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return CouldNot("nobody reads the output any more")
    return CouldNot(f"the output cannot be written: {error.strerror or error}")
