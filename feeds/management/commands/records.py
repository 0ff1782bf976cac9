"""``manage.py records``: writes the messages that a feed sent."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from feeds.making.regeneration import UnavailableError, text_between
from feeds.making.wanted import RecordsError, find
from feeds.management.engines import require_migrations
from feeds.management.help import HEADING, CommandWithExitCodes

PART_BYTES = 2**20
"""The least bytes that are written at once."""


class Command(CommandWithExitCodes):
    """The command that writes the messages of a feed, exactly as sent."""

    exit_codes = f"""\
{HEADING}
  0  done
  1  failed: the database does not answer, or the installed libraries would
     generate other messages
  2  there is no such feed, or it has not sent these messages
  130  stopped by Ctrl-C
"""
    help = "Write the messages that a feed sent, exactly as sent, one on each line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("feed", metavar="FEED", help="the name of the feed")
        parser.add_argument(
            "--first", default="", metavar="OFFSET", help="the first message (default: the oldest)"
        )
        parser.add_argument(
            "--last", default="", metavar="OFFSET", help="the last message (default: the newest)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Write the lines; exits with a sentence on failure."""
        require_migrations()
        try:
            wanted = find(options["feed"], options["first"], options["last"])
            first = wanted.first
            while first <= wanted.last:
                end, text = text_between(
                    wanted.feed, wanted.schedule, first, wanted.last, PART_BYTES
                )
                # As bytes, whatever the language of the terminal; a caller may want text.
                if (stream := getattr(self.stdout, "buffer", None)) is not None:
                    stream.write(text)
                else:
                    self.stdout.write(text.decode(), ending="")
                first = end + 1
        except RecordsError as error:
            raise CommandError(str(error), returncode=2) from None
        except UnavailableError as error:
            raise CommandError(f"these records cannot be regenerated here: {error}") from None
        except DatabaseError as error:
            raise CommandError(f"the database does not answer: {error}") from None
        except KeyboardInterrupt:
            raise CommandError("stopped", returncode=130) from None
