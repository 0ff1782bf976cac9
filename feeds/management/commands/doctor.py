"""``manage.py doctor``: finds problems of an installation, and says how to fix them."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from feeds.doctor.examination import examine
from feeds.doctor.finding import State
from feeds.management.address import Address
from feeds.management.help import HEADING, CommandWithExitCodes

DEFAULT = Address("127.0.0.1", 8000)


class Command(CommandWithExitCodes):
    """The command that examines an installation and changes nothing."""

    exit_codes = f"""\
{HEADING}
  0  nothing is wrong; there may be warnings
  1  something is wrong, or the output failed
  2  an option has a value that is not allowed
  130  stopped by Ctrl-C
"""
    help = (
        "Examine the settings, the system, the database, the channel layer and the generators. "
        "For each problem, say how to fix it. Programs may keep running."
    )
    requires_system_checks = ()
    """Django does not run the checks first: this command runs them itself, and continues."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--bind",
            type=Address.parse,
            default=DEFAULT,
            metavar="HOST:PORT",
            help="address on which the server listens, or is to listen (default: %(default)s)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Print each finding; exits 1 if something is wrong."""
        address: Address = options["bind"]
        styles = {State.WRONG: self.style.ERROR, State.WARNING: self.style.WARNING}
        counts = dict.fromkeys(State, 0)
        for finding in examine(address.host, address.port):
            counts[finding.state] += 1
            text = str(finding)
            word = styles.get(finding.state, str)(str(finding.state))
            self.stdout.write(word + text.removeprefix(finding.state))
        problems, warnings = counts[State.WRONG], counts[State.WARNING]
        self.stdout.write(f"\n{_counted(problems, 'problem')}, {_counted(warnings, 'warning')}")
        if problems:
            sys.exit(1)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
