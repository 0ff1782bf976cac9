"""The database: its answers, tables, file and clock, and whether it accepts changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from feeds.doctor.finding import Finding, good, warning, wrong
from feeds.models import Sample
from feeds.running.database import cause_of
from feeds.storing import ledger
from feeds.storing.retention import KINDS, old

LOCK_MILLISECONDS = 2000
"""Longest wait for the lock of SQLite: a busy installation frees it after milliseconds."""
INTEGRITY_SECONDS = 3.0
"""Time to look for damage in an SQLite file, enough for about 1 GB."""
STEPS = 100_000
"""Steps of SQLite's virtual machine between looks at the clock: about a millisecond."""
LATE = timedelta(days=2)
"""Age of data beyond its retention that calls for attention: `prune` may run once a day."""
AHEAD = timedelta(minutes=1)
"""The most that the newest sample may be ahead of this host's clock."""


def examine_database() -> Iterator[Finding]:
    """Check that the database can be reached, is set up, accepts changes and is whole."""
    began = time.monotonic()
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")
            cursor.execute("SELECT 1")
        milliseconds = (time.monotonic() - began) * 1000
        yield good("database", f"{connection.vendor}, answers in {milliseconds:.0f} ms")
        yield from _examine_tables()
    except DatabaseError as error:
        fix = "Start it, and check DATABASE_URL and the rights of this user."
        yield wrong("database", f"it does not answer: {cause_of(error)}", fix)


def examine_retention() -> Iterator[Finding]:
    """Look for data that `prune` should have deleted."""
    now = datetime.now(UTC)
    for kind in KINDS:
        days = getattr(settings, f"KEEP_{kind.upper()}_DAYS")
        if old(kind, now - timedelta(days=days) - LATE).exists():
            fix = "Run manage.py prune each night."
            yield warning("retention", f"{kind} are older than {days} days", fix)
            return
    yield good("retention", "no data is older than the settings allow")


def examine_clock() -> Iterator[Finding]:
    """Compare the clock with the stored history, and with PostgreSQL's."""
    now = datetime.now(UTC)
    newest = Sample.objects.order_by("-at").values_list("at", flat=True).first()
    fix = "Synchronise the clocks of all hosts (NTP)."
    if newest is not None and newest > now + AHEAD:
        yield wrong(
            "clock", f"it is {now:%Y-%m-%d %H:%M}, but the stored history ends at {newest:%c}", fix
        )
    elif (seconds := abs((_database_time(now) - now).total_seconds())) > AHEAD.total_seconds():
        yield wrong("clock", f"it differs from the database's by {seconds:,.0f} s", fix)
    else:
        yield good("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _examine_tables() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        fix = "Run: python manage.py migrate"
        text = "1 migration is" if len(missing) == 1 else f"{len(missing)} migrations are"
        yield wrong("tables", f"{text} missing", fix)
        return
    yield good("tables", "every migration was applied")
    try:
        ledger.probe()
    except DatabaseError as error:
        yield wrong(
            "writing",
            f"the database accepts no change: {cause_of(error)}",
            "Close other programs that use it; check the disk and the owner of its file.",
        )
    else:
        yield good("writing", "the database accepts changes")
    if connection.vendor == "sqlite":
        yield _examine_file()


def _examine_file() -> Finding:
    end = time.monotonic() + INTEGRITY_SECONDS
    handle = connection.connection
    handle.set_progress_handler(lambda: time.monotonic() > end, STEPS)
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            (said,) = cursor.fetchone()
    except DatabaseError as error:
        if time.monotonic() < end:
            return _damaged(cause_of(error))
        text = f"no damage found in {INTEGRITY_SECONDS:g} s; the file is too large for more"
        return good("integrity", text)
    finally:
        handle.set_progress_handler(None, STEPS)
    return good("integrity", "the file is whole") if said == "ok" else _damaged(said)


def _damaged(how: str) -> Finding:
    fix = "Stop all programs, keep a copy of the file, and restore a backup."
    return wrong("integrity", f"the file is damaged: {how}", fix)


def _database_time(now: datetime) -> datetime:
    """Return PostgreSQL's time; for SQLite, which has no clock, *now*."""
    if connection.vendor == "sqlite":
        return now
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
