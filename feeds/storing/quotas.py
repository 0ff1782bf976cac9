"""
Cutoffs: the age from which rows of each kind are removed.

Rows have a highest age, and tables a highest number of rows. An SQLite database also has a
highest size; above it, each table may keep fewer rows. So strangers who store as much as they can
displace old rows, but never fill the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Count, QuerySet

from feeds.models import BlockReport
from feeds.storing.retention import KINDS, TIMES, removable, remove_reports

SPARED = 0.95
"""Share of the allowed rows, or bytes, that a removal leaves, so that no other is due at once."""
MEGABYTE = 10**6


def cutoffs(now: datetime) -> dict[str, datetime]:
    """Return, per kind, the time before which its rows must be removed."""
    used, allowed = used_bytes(), settings.KEEP_MEGABYTES * MEGABYTE
    share = SPARED * allowed / used if used > allowed else 1.0
    return {kind: _cutoff(kind, now, share) for kind in KINDS}


def _cutoff(kind: str, now: datetime, share: float) -> datetime:
    before: datetime = now - timedelta(days=getattr(settings, f"KEEP_{kind.upper()}_DAYS"))
    rows: QuerySet[Any] = removable(kind)
    most = getattr(settings, f"KEEP_{kind.upper()}_ROWS")
    count = rows.count()
    if count <= most and share == 1.0:
        return before
    kept = int(min(SPARED * most, share * count))
    field = TIMES[kind]
    for newest_removed in rows.order_by(f"-{field}").values_list(field, flat=True)[kept:][:1]:
        # `remove` deletes rows before a time, so a microsecond is added to include this one.
        before = max(before, newest_removed + timedelta(microseconds=1))
    return before


def used_bytes() -> int:
    """Return the bytes of an SQLite database in use; 0 for others, which do not report it."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT page_count, freelist_count, page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        pages, free, size = cursor.fetchone()
    return int((pages - free) * size)


def crowd(most: int) -> dict[int, datetime]:
    """Return sessions with over *most* reports, each with the time before which reports must go."""
    counted = BlockReport.objects.order_by().values("session").annotate(count=Count("pk"))
    found = {}
    for session in counted.filter(count__gt=most).values_list("session", flat=True):
        times = BlockReport.objects.filter(session=session).order_by("-received_at")
        kept = times.values_list("received_at", flat=True)[int(SPARED * most)]
        found[session] = kept + timedelta(microseconds=1)
    return found


def remove_crowd(most: int) -> Iterator[int]:
    """Remove the oldest reports of sessions that have more than *most*; yield as `remove` does."""
    for session, before in crowd(most).items():
        yield from remove_reports(
            BlockReport.objects.filter(session=session, received_at__lt=before).order_by("pk")
        )
