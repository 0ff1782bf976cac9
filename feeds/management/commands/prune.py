"""``manage.py prune``: removes old data."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from feeds.conf import MOST_DAYS
from feeds.management.engines import require_migrations
from feeds.management.help import HEADING, CommandWithExitCodes
from feeds.management.options import whole
from feeds.storing.retention import KINDS, old, remove

ABOUT = {
    "samples": "points of the dashboard's history",
    "reports": "block reports",
    "messages": "texts from clients",
    "connections": "closed connections, from when they closed",
    "sessions": "disconnected sessions and all their data, from when they were last seen",
}


class Command(CommandWithExitCodes):
    """The command that removes data older than the settings or options allow."""

    exit_codes = f"""\
{HEADING}
  0  done
  1  failed: the database does not answer, or is not set up; or the output
     failed
  2  an option has a value that is not allowed
  130  stopped by Ctrl-C; data already removed stays removed
"""
    help = (
        "Delete old data in small batches, so that servers can keep running. The settings "
        "KEEP_..._DAYS say how long data is kept; the options replace them for this run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be removed; remove nothing"
        )
        for kind in KINDS:
            parser.add_argument(
                f"--{kind}",
                type=whole(MOST_DAYS, of="days"),
                default=getattr(settings, f"KEEP_{kind.upper()}_DAYS"),
                metavar="DAYS",
                help=f"days to keep {ABOUT[kind]} (default: %(default)s)",
            )

    def handle(self, *_: Any, **options: Any) -> None:
        """Remove old rows and print their number by kind; exits 1 with a sentence on failure."""
        require_migrations()
        now = datetime.now(UTC)
        try:
            for kind in KINDS:
                before = now - timedelta(days=options[kind])
                age = f"older than {options[kind]} days"
                if options["dry_run"]:
                    self.stdout.write(f"{kind}: {old(kind, before).count()} to remove, {age}")
                else:
                    self.stdout.write(f"{kind}: {_remove(kind, before)} removed, {age}")
        except DatabaseError as error:
            raise CommandError(
                f"the database does not answer: {error}; run the command again to continue"
            ) from None
        except KeyboardInterrupt:
            raise CommandError("stopped; run it again to continue", returncode=130) from None


def _remove(kind: str, before: datetime) -> int:
    removed = 0
    began = time.monotonic()
    for rows in remove(kind, before):
        removed += rows
        # Leave the write lock to others for as long as this batch took.
        time.sleep(time.monotonic() - began)
        began = time.monotonic()
    return removed
