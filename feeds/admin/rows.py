"""
The cells of the list of sessions that change while one looks at them.

The list and its script show the same words, so that what a reload shows is
what an update shows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.html import format_html

from feeds import show
from feeds.models import ClientSession, Connection

CELL = '<span data-session="{}" data-field="{}" data-state="{}" class="{}" title="{}">{}</span>'
MINUTE, HOUR, DAY = 60, 3600, 86_400


def with_lag(sessions: QuerySet[ClientSession]) -> QuerySet[ClientSession]:
    """Return *sessions*, each with how far its connection is behind as ``lag``."""
    connections = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)
    return sessions.annotate(lag=Subquery(connections.order_by("-id").values("behind")[:1]))


def cells(session: Any, now: datetime) -> dict[str, str]:
    """Return the words of each cell of a *session* that has its lag, as of *now*."""
    return {
        "state": session.status,
        "seen": ago((now - session.seen_at).total_seconds()),
        "behind": "-" if session.lag is None else f"{session.lag:,}",
        "reconnects": f"{max(session.connects - 1, 0):,}",
        "found": show.verdicts(session) or "-",
    }


def cell(session: Any, field: str, now: datetime) -> str:
    """Return one cell, as the script finds and fills it."""
    words = cells(session, now)
    state = words["state"] if field == "state" else ("broken" if session.broken else "")
    title = f"{session.seen_at:%Y-%m-%d %H:%M:%S} UTC" if field == "seen" else ""
    name = "status" if field == "state" else f"live-{field}"
    return format_html(CELL, session.pk, field, state, name, title, words[field])


def ago(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    if seconds < MINUTE:
        return f"{max(seconds, 0):.0f} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h ago"
    return f"{seconds // DAY:,.0f} d ago"
