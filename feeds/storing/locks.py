"""
The one order in which processes lock rows.

PostgreSQL locks each row that a transaction writes. Two transactions that lock the same rows in
different orders would wait for each other: a deadlock, which PostgreSQL ends by an error in one of
them. So a transaction first locks all sessions that it writes to, by primary key. Their
connections, reports and texts follow in any order, since each process that writes to them holds the
lock of their session.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import DEFAULT_DB_ALIAS, connections

from feeds.models import ClientSession


def lock_sessions(keys: Iterable[int]) -> None:
    """
    Lock the sessions with the primary *keys* until the end of the transaction.

    The caller has begun one, and has not written to any session yet. SQLite locks the
    whole database instead, so there this does nothing.
    """
    if connections[DEFAULT_DB_ALIAS].features.has_select_for_update:
        found = ClientSession.objects.filter(pk__in=list(keys)).order_by("pk")
        list(found.select_for_update(no_key=True).values_list("pk"))
