"""The help text of a command, with its exit codes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter

HEADING = "exit codes:"
SERVER_EXIT_CODES = f"""\
{HEADING}
  0  stopped by Ctrl-C, SIGTERM or SIGHUP
  1  failed: port in use, no database, no channel layer; or stopped before
     everything was stored
  2  an option has a value that is not allowed
"""
"""The exit codes of every command that serves."""


class CommandHelp(DjangoHelpFormatter):
    """A help formatter that does not rewrap the list of exit codes."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(HEADING):
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)


class CommandWithExitCodes(BaseCommand):
    """A command whose help ends with its exit codes."""

    exit_codes: ClassVar[str]
    """`HEADING`, followed by a line for each code."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, whose help ends with the exit codes."""
        return super().create_parser(
            prog_name, subcommand, epilog=self.exit_codes, formatter_class=CommandHelp, **kwargs
        )
