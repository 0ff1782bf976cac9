"""
The lines of several programs on one terminal, or in one file.

On a terminal each program has its own colour, and lines that are too long wrap
under their own text. In a file lines are unchanged.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import TextIO

NAME_WIDTH = 9
"""Characters of the longest name."""
LEAST_WIDTH = 20
"""The fewest characters of text per line, however narrow the terminal."""
COLOURS = (36, 33, 32, 35, 34, 31)
"""ANSI colours, in the order of the programs' first lines."""


class Screen:
    """The layout of programs' output on *stream*; standard output by default."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._is_terminal = self._stream.isatty()
        self._has_colour = self._is_terminal and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}

    def labelled(self, name: str, line: str) -> str:
        """Return a *line* that the program *name* printed, with the name before it."""
        label = f"{name:{NAME_WIDTH}} | "
        lines = self._folded(line, len(label))
        return "\n".join(self._coloured(name, label) + part for part in lines)

    def indented(self, text: str, indent: int) -> str:
        """Return *text* with long lines wrapped and indented by *indent* characters."""
        return "\n".join(
            f"\n{' ' * indent}".join(self._folded(line, 0, indent)) for line in text.split("\n")
        )

    def _folded(self, line: str, used: int, indent: int = 0) -> list[str]:
        """Return the parts of *line* that fit beside *used* characters; at least one."""
        if not self._is_terminal:
            return [line]
        width = max(LEAST_WIDTH, shutil.get_terminal_size().columns - used - indent)
        first, *rest = textwrap.wrap(
            line,
            width,
            drop_whitespace=True,
            replace_whitespace=False,
            break_on_hyphens=False,
        ) or [""]
        # A line keeps its leading spaces, which align tables.
        begin = line[: len(line) - len(line.lstrip())]
        return [first if first.startswith(begin) else begin + first, *rest]

    def _coloured(self, name: str, label: str) -> str:
        if not self._has_colour:
            return label
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{colour}m{label}\x1b[0m"
