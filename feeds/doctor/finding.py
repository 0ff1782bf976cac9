"""One result of an examination, and how it looks on a terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from enum import StrEnum

COLUMNS = 80
MARGIN = 9
"""The width of the first column, which has the state."""


class State(StrEnum):
    """The result in a word."""

    GOOD = "ok"
    WARNING = "warning"
    """It works, but not for long, or not for everybody."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result."""

    state: State
    part: str
    """The part that was examined, in a word or two."""
    text: str
    """The result, as a phrase."""
    fix: str = ""
    """The remedy, as a sentence; empty if nothing is wrong."""

    def __str__(self) -> str:
        """Return its lines, of at most `COLUMNS` characters unless a word is longer."""
        lines = _wrapped(f"{self.state:<{MARGIN}}", f"{self.part}: {self.text}")
        if self.fix:
            lines += _wrapped(" " * MARGIN, self.fix)
        return "\n".join(lines)


def good(part: str, text: str) -> Finding:
    """Return a finding of something that works."""
    return Finding(State.GOOD, part, text)


def warning(part: str, text: str, fix: str) -> Finding:
    """Return a finding that calls for attention."""
    return Finding(State.WARNING, part, text, fix)


def wrong(part: str, text: str, fix: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(State.WRONG, part, text, fix)


def _wrapped(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=" " * MARGIN,
        break_long_words=False,
        break_on_hyphens=False,
    )
