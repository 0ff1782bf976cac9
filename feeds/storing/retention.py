"""
Removal of old rows, in small batches.

Each batch is a separate transaction, so that no process waits long for SQLite's single
write lock. After an interruption, rows already removed stay removed. A session remembers the
number up to which its reports were removed: removed reports count as reported, and
the client is not asked for them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Sample
from feeds.storing.locks import lock_sessions

BATCH = 500
"""Rows removed in one transaction, which holds the write lock for about 10 ms."""

KINDS = ("samples", "reports", "messages", "connections", "sessions")
"""Kinds of rows that can be removed; each has its own age."""
TIMES = {
    "samples": "at",
    "reports": "received_at",
    "messages": "received_at",
    "connections": "closed_at",
    "sessions": "seen_at",
}
"""For each kind of rows, the field that tells their age."""


def removable(kind: str) -> QuerySet[Any]:
    """Return all rows of *kind* except open connections and their sessions."""
    match kind:
        case "samples":
            return Sample.objects.order_by("at")
        case "reports":
            return BlockReport.objects.order_by("received_at", "id")
        case "messages":
            return ClientMessage.objects.order_by("received_at", "id")
        case "connections":
            return Connection.objects.exclude(closed_at=None).order_by("pk")
        case _:
            online = ClientSession.Status.ONLINE
            return ClientSession.objects.exclude(status=online).order_by("pk")


def old(kind: str, before: datetime) -> QuerySet[Any]:
    """Return the rows of *kind* that are older than *before*."""
    return removable(kind).filter(**{f"{TIMES[kind]}__lt": before})


def remove(kind: str, before: datetime) -> Iterator[int]:
    """
    Remove the *old* rows; after each batch, yield the number of rows of *kind* removed.

    A session is removed with its reports, messages and connections. A session that returns
    meanwhile keeps the remaining rows. Raises the database's errors.
    """
    rows = old(kind, before)
    match kind:
        case "sessions":
            yield from _sessions(rows)
        case "reports":
            yield from remove_reports(rows)
        case _:
            yield from _rows(rows)


def _rows(rows: QuerySet[Any]) -> Iterator[int]:
    has_sessions = rows.model is not Sample
    while True:
        with transaction.atomic():
            keys = list(rows.values_list("pk", flat=True)[:BATCH])
            found = rows.model.objects.filter(pk__in=keys)
            if has_sessions:
                lock_sessions(found.values_list("session", flat=True).distinct())
            found.delete()
        if not keys:
            return
        yield len(keys)


def remove_reports(reports: QuerySet[BlockReport]) -> Iterator[int]:
    """Remove *reports*, and let their sessions remember them; yield as `remove` does."""
    while True:
        with transaction.atomic():
            found = list(reports.values_list("pk", "session", "number", "plain")[:BATCH])
            highest: dict[int, int] = {}
            for _, session, number, plain in found:
                if not plain:
                    highest[session] = max(number, highest.get(session, 0))
            lock_sessions(session for _, session, *_ in found)
            # Many sessions have the same highest number: update these in one statement.
            alike: dict[int, list[int]] = {}
            for session, number in highest.items():
                alike.setdefault(number, []).append(session)
            for number, sessions in alike.items():
                behind = ClientSession.objects.filter(pk__in=sessions, forgotten__lt=number)
                behind.update(forgotten=number)
            BlockReport.objects.filter(pk__in=[pk for pk, *_ in found]).delete()
        if not found:
            return
        yield len(found)


def _sessions(gone: QuerySet[ClientSession]) -> Iterator[int]:
    last = 0
    while keys := list(gone.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        last = keys[-1]
        # Query again: a returning session keeps its remaining rows and its new connection.
        still = gone.filter(pk__in=keys)
        for _ in remove_reports(BlockReport.objects.filter(session__in=still).order_by("pk")):
            yield 0
        closed = Connection.objects.exclude(closed_at=None)
        for rows in (ClientMessage.objects.all(), closed):
            for _ in _rows(rows.filter(session__in=still).order_by("pk")):
                yield 0
        with transaction.atomic():
            # A session that returns now waits for the lock, and then starts again.
            still_gone = list(still.select_for_update().values_list("pk", flat=True))
            ClientSession.objects.filter(pk__in=still_gone).delete()
        yield len(still_gone)
