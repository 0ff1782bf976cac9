"""``manage.py token``: issues, lists and revokes tokens."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from clientapp.wire import names
from clientapp.wire.printable import printable
from clientapp.wire.request import MAX_FEEDS
from feeds.access.register import issue, revoke
from feeds.conf import MOST_DAYS, TOKEN
from feeds.management.engines import require_migrations
from feeds.management.help import HEADING, CommandWithExitCodes
from feeds.management.options import whole
from feeds.models import MOST_CONNECTIONS, AccessToken, Feed
from feeds.show import moment

MOST_LABEL = 64
"""The most characters of a label."""


class Command(CommandWithExitCodes):
    """The command that manages the tokens of clients."""

    exit_codes = f"""\
{HEADING}
  0  done
  1  failed: the database does not answer, or is not set up
  2  an option has a value that is not allowed, or there is no such token
"""
    help = (
        "Issue, list and revoke tokens. A server needs them from its clients if its setting "
        "ACCESS is token."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add = actions.add_parser("issue", help="make a token and print it, once").add_argument
        add("--label", type=_label, required=True, help="the purpose of the token, in your words")
        add("--client", type=_client, help="the only client name allowed (default: any)")
        add(
            "--feed",
            type=_feed,
            action="append",
            dest="feeds",
            help="a feed that the token allows; repeat it for more (default: all)",
        )
        add(
            "--connections",
            type=whole(MOST_CONNECTIONS),
            metavar="N",
            help="connections to one server process at the same time (default: any number)",
        )
        add(
            "--days",
            type=whole(MOST_DAYS, of="days"),
            metavar="DAYS",
            help="days until the token expires (default: never)",
        )
        actions.add_parser("list", help="show all tokens, without their texts")
        add = actions.add_parser("revoke", help="make tokens invalid, for good").add_argument
        add("keys", nargs="+", metavar="KEY", help="the key of a token, as the list shows it")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do the action; exits with a sentence on failure."""
        require_migrations()
        action = {"issue": self._issue, "list": self._list, "revoke": self._revoke}
        try:
            action[options["action"]](options)
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from None

    def _issue(self, options: dict[str, Any]) -> None:
        feeds = list(dict.fromkeys(options["feeds"] or ()))
        if len(feeds) > MAX_FEEDS:
            text = f"{len(feeds)} feeds are named; {MAX_FEEDS} are allowed"
            raise CommandError(text, returncode=2)
        known = list(Feed.objects.order_by("name").values_list("name", flat=True))
        for feed in feeds:
            if feed not in known:
                there = ", ".join(known)
                raise CommandError(f"there is no feed {feed}; there are: {there}", returncode=2)
        days = options["days"]
        row, text = issue(
            label=options["label"],
            client=options["client"] or "",
            feeds=feeds,
            connections=options["connections"],
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
        # Only the token goes to standard output, so that a script can keep it in a variable.
        self.stderr.write(f"issued {row}; the token is shown only now:", style_func=str)
        self.stdout.write(text)
        if settings.ACCESS != TOKEN:
            self.stderr.write("servers with these settings need no token: ACCESS is open")

    def _list(self, _: dict[str, Any]) -> None:
        for row in AccessToken.objects.all():
            facts = [f"{row.key}  {row.state:<7}  {printable(row.label)}"]
            facts.append(f"client {row.client}" if row.client else "any client")
            facts.append(f"feeds {row.feeds.replace(' ', ', ')}" if row.feeds else "all feeds")
            if row.connections is not None:
                facts.append(f"connections {row.connections}")
            facts.append(f"expires {moment(row.expires_at)}" if row.expires_at else "no expiry")
            self.stdout.write("  ".join(facts))

    def _revoke(self, options: dict[str, Any]) -> None:
        for key in options["keys"]:
            if revoke([key]):
                self.stdout.write(f"revoked {key}; its clients are disconnected within seconds")
            elif AccessToken.objects.filter(key=key[:12]).exists():
                self.stdout.write(f"{key} was revoked before")
            else:
                shown = printable(key)[:40]
                text = f"there is no token {shown!r}; see: manage.py token list"
                raise CommandError(text, returncode=2)


def _label(text: str) -> str:
    if 1 <= len(text) <= MOST_LABEL and text.isprintable():
        return text
    rule = f"1 to {MOST_LABEL} printable characters"
    raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {rule}")


def _client(text: str) -> str:
    if names.is_client_name(text):
        return text
    raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {names.CLIENT_NAME_RULE}")


def _feed(text: str) -> str:
    if names.is_feed_name(text):
        return text
    raise argparse.ArgumentTypeError(f"{text[:80]!r} is not allowed: {names.FEED_NAME_RULE}")
