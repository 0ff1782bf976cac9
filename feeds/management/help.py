"""The help of a command, with the exit codes by which it ends."""

from __future__ import annotations

from django.core.management.base import DjangoHelpFormatter

HEADING = "exit codes:"
SERVER_EXIT_CODES = f"""\
{HEADING}
  0  stopped by Ctrl-C or SIGTERM
  1  could not serve: the port is taken, no database, no channel layer
  2  an option has a value that is not allowed
"""
"""Of every command that serves."""


class CommandHelp(DjangoHelpFormatter):
    """A help whose text stays as it is where it lists exit codes, line by line."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(HEADING):
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)
