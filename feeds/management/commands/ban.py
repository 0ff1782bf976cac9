"""``manage.py ban``: bans clients by name or address."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from clientapp.wire.printable import printable
from feeds.management.engines import require_migrations
from feeds.management.help import HEADING, CommandWithExitCodes
from feeds.management.options import whole
from feeds.models import Ban
from feeds.models.access import validate_address, validate_client
from feeds.show import moment

MOST_REASON = 200
"""The most characters of a reason."""
MOST_ID = 2**31 - 1
"""The highest number of a ban."""


class Command(CommandWithExitCodes):
    """The command that manages bans."""

    exit_codes = f"""\
{HEADING}
  0  done
  1  failed: the database does not answer, or is not set up
  2  an option has a value that is not allowed, or there is no such ban
"""
    help = (
        "Ban clients by name or address, list bans, and remove them. Connected clients are "
        "disconnected within seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        adding = actions.add_parser("add", help="ban a name or an address")
        one = adding.add_mutually_exclusive_group(required=True)
        one.add_argument("--client", type=_checked(validate_client), help="the name of a client")
        one.add_argument(
            "--address",
            type=_checked(validate_address),
            help="an IP address or a network, such as 192.0.2.7 or 192.0.2.0/24",
        )
        adding.add_argument(
            "--reason", type=_reason, help="a note for other operators (default: none)"
        )
        actions.add_parser("list", help="show all bans")
        add = actions.add_parser("remove", help="remove bans").add_argument
        add(
            "ids",
            nargs="+",
            type=whole(MOST_ID),
            metavar="NUMBER",
            help="the number of a ban, in the list",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Do the action; exits with a sentence on failure."""
        require_migrations()
        action = {"add": self._add, "list": self._list, "remove": self._remove}
        try:
            action[options["action"]](options)
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from None

    def _add(self, options: dict[str, Any]) -> None:
        facts = {name: options[name] or "" for name in ("client", "address", "reason")}
        ban = Ban.objects.create(**facts)
        self.stdout.write(f"{ban} is banned (ban {ban.pk})")

    def _list(self, _: dict[str, Any]) -> None:
        for ban in Ban.objects.all():
            reason = f"  {printable(ban.reason)}" if ban.reason else ""
            self.stdout.write(f"{ban.pk}  since {moment(ban.created_at)}  {ban}{reason}")

    def _remove(self, options: dict[str, Any]) -> None:
        for number in options["ids"]:
            ban = Ban.objects.filter(pk=number).first()
            if ban is None:
                text = f"there is no ban {number}; see: manage.py ban list"
                raise CommandError(text, returncode=2)
            ban.delete()
            self.stdout.write(f"removed ban {number}: {ban}")


def _checked(validate: Callable[[str], None]) -> Callable[[str], str]:
    """Return an option type for texts that *validate* accepts."""

    def read(text: str) -> str:
        try:
            validate(text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError(error.messages[0]) from None
        return text

    return read


def _reason(text: str) -> str:
    if len(text) <= MOST_REASON and text.isprintable():
        return text
    rule = f"at most {MOST_REASON} printable characters"
    raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {rule}")
