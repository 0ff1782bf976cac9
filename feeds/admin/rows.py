"""
The cells of the list of sessions that are updated live.

The list and its script use the same texts, so that an update looks
like a reload.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Now
from django.utils.html import format_html

from feeds import show
from feeds.models import ClientSession, Connection

CELL = '<span data-session="{}" data-field="{}" data-state="{}" class="{}" title="{}">{}</span>'
Status = ClientSession.Status
SEEN = Case(When(status=Status.ONLINE, then=Now()), default=F("seen_at"))
"""The sort key for when a client was last seen."""
MINUTE, HOUR, DAY = 60, 3600, 86_400


def with_lag(sessions: QuerySet[ClientSession]) -> QuerySet[ClientSession]:
    """Return *sessions*, each annotated with its connection's lag as ``lag``."""
    connections = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)
    return sessions.annotate(lag=Subquery(connections.order_by("-id").values("behind")[:1]))


def cells(session: Any, now: datetime) -> dict[str, str]:
    """Return the text of each cell of an annotated *session*, as of *now*."""
    return {
        "state": session.status,
        "seen": seen(session, now),
        "behind": show.UNKNOWN if session.lag is None else f"{session.lag:,}",
        "reconnects": f"{max(session.connects - 1, 0):,}",
        "found": show.verdicts(session) or show.UNKNOWN,
    }


def cell(session: Any, field: str, now: datetime) -> str:
    """Return one cell as HTML, with the attributes that the script needs to update it."""
    words = cells(session, now)
    state = words["state"] if field == "state" else ("broken" if session.broken else "")
    is_past = field == "seen" and session.status != Status.ONLINE
    title = f"{session.seen_at:%Y-%m-%d %H:%M:%S} UTC" if is_past else ""
    name = "status" if field == "state" else f"live-{field}"
    return format_html(CELL, session.pk, field, state, name, title, words[field])


def seen(session: ClientSession, now: datetime) -> str:
    """Return when the client was last seen, in words; for an online client, that is now."""
    if session.status == Status.ONLINE:
        return "now"
    return ago((now - session.seen_at).total_seconds())


def ago(seconds: float) -> str:
    """Return an age in words, in its largest unit."""
    if seconds < MINUTE:
        return f"{max(seconds, 0):.0f} s ago"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min ago"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h ago"
    return f"{seconds // DAY:,.0f} d ago"
