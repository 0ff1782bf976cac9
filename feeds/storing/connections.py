"""
Stored connections: many opened at a time, closed, marked as alive, closed as lost.

After a server restart, a thousand clients return within a few seconds. Work for each
of them separately delays the event loop that serves them, since both need the
interpreter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from clientapp.wire.closing import Close
from clientapp.wire.request import DEFAULT_CLIENT
from feeds.models import ClientSession, Connection
from feeds.storing.facts import Closed, Opened
from feeds.storing.insertion import insert
from feeds.storing.locks import lock_sessions

Status = ClientSession.Status

ASKED_AT_ONCE = 400
"""Sessions in one query, with their channels: any SQLite allows a thousand parameters."""


def open_all(ids: Mapping[str, int], opened: Sequence[Opened]) -> Iterator[tuple[str, ...]]:
    """Store *opened* in order; yield the channels that each replaces."""
    while opened:
        length = _distinct(opened)
        yield from _open(ids, opened[:length])
        opened = opened[length:]


def _distinct(opened: Sequence[Opened]) -> int:
    """Return how many of *opened* come before a session appears for the second time."""
    seen = set[str]()
    for number, fact in enumerate(opened):
        if fact.session in seen:
            return number
        seen.add(fact.session)
    return len(opened)


def _open(ids: Mapping[str, int], opened: Sequence[Opened]) -> list[tuple[str, ...]]:
    """Store *opened*, all of one commit, as if they had opened when the last one did."""
    at = max(fact.at for fact in opened)
    channels = {ids[fact.session]: fact.channel for fact in opened}
    # Connections may be stored already, and even closed, if a commit's answer was lost.
    is_known = Q(closed_at=None) | Q(channel__in=list(channels.values()))
    found = Connection.objects.filter(is_known, session__in=list(channels))
    known = list(found.values_list("session_id", "channel", "closed_at"))
    for session in {session for session, channel, _ in known if channel == channels[session]}:
        del channels[session]
    replaced = defaultdict[int, tuple[str, ...]](tuple)
    for session, channel, closed_at in known:
        if session in channels and closed_at is None:
            replaced[session] += (channel,)
    fresh = [fact for fact in opened if ids[fact.session] in channels]
    if replaced:
        older = Connection.objects.filter(session__in=replaced, closed_at=None)
        older.update(closed_at=at, close_code=Close.REPLACED, reason="replaced")
    insert(
        [
            Connection(
                session_id=ids[fact.session],
                server=fact.server,
                channel=fact.channel,
                peer=fact.peer,
                opened_at=fact.at,
                seen_at=fact.at,
            )
            for fact in fresh
        ]
    )
    clients = {ids[fact.session]: fact.client for fact in fresh}
    sessions = ClientSession.objects.filter(pk__in=clients)
    sessions.update(
        status=Status.ONLINE,
        connects=F("connects") + 1,
        connected_at=at,
        seen_at=at,
    )
    for session, client in sessions.values_list("pk", "client"):
        # A guest keeps the name taken from its sentence.
        if client != clients[session] != DEFAULT_CLIENT:
            ClientSession.objects.filter(pk=session).update(client=clients[session])
    return [replaced[ids[fact.session]] for fact in opened]


def close(session: int, fact: Closed) -> None:
    """Close the connection of *session* that *fact* names, unless it is closed already."""
    mine = Connection.objects.filter(session_id=session, channel=fact.channel, closed_at=None)
    if not mine.update(
        closed_at=fact.at, seen_at=fact.at, close_code=fact.code, reason=fact.reason
    ):
        return  # already replaced or closed as lost
    # A client may still say goodbye after an operator disconnected it.
    if fact.code == Close.REMOVED:
        _set_gone([session], Status.DISCONNECTED)
    elif fact.left:
        ClientSession.objects.filter(pk=session).update(status=Status.LEFT, seen_at=fact.at)
    else:
        _set_gone([session], Status.AWAY)


@transaction.atomic
def mark_seen(server: str, at: datetime, behind: Mapping[str, int]) -> set[str]:
    """
    Note that the open connections of *server* are alive; return their channels.

    *behind* holds the number of messages that a connection lacks, by its channel;
    connections not in it lack none.
    """
    alive = Connection.objects.filter(server=server, closed_at=None)
    lock_sessions(alive.values_list("session_id", flat=True))
    # Tuples: ten thousand model instances would block the interpreter.
    rows = list(alive.values_list("pk", "channel", "behind"))
    changed = [
        Connection(pk=row, behind=behind.get(channel, 0))
        for row, channel, lag in rows
        if lag != behind.get(channel, 0)
    ]
    Connection.objects.bulk_update(changed, ["behind"], batch_size=500)
    alive.update(seen_at=at)
    ClientSession.objects.filter(connections__in=alive).update(seen_at=at)
    return {channel for _, channel, _ in rows}


def find_replaced(connections: Mapping[str, str]) -> list[str]:
    """Return those of *connections*, session keys by channel, that were replaced."""
    replaced = Connection.objects.filter(close_code=Close.REPLACED)
    channels, found = list(connections), list[str]()
    for start in range(0, len(channels), ASKED_AT_ONCE):
        some = channels[start : start + ASKED_AT_ONCE]
        # Filter by session first: its index finds a few rows.
        rows = replaced.filter(session__key__in=[connections[one] for one in some])
        found += rows.filter(channel__in=some).values_list("channel", flat=True)
    return found


@transaction.atomic
def close_lost(before: datetime, after: datetime) -> int:
    """
    Close the connections that no server has seen since *before*; return their number.

    Their server ended without closing them. If one was seen later than *after*, which
    is in the future, the clock has been set back since.
    """
    is_unseen = Q(seen_at__lt=before) | Q(seen_at__gt=after)
    lost = Connection.objects.filter(is_unseen, closed_at=None)
    sessions = list(lost.values_list("session_id", flat=True))
    lock_sessions(sessions)
    lost.update(closed_at=F("seen_at"), close_code=1006, reason="the server ended")
    _set_gone(sessions, Status.AWAY)
    return len(sessions)


def _set_gone(sessions: Sequence[int], status: Status) -> None:
    """Set *status* on those of *sessions* that are online without an open connection."""
    still_open = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)
    ClientSession.objects.filter(~Exists(still_open), pk__in=sessions, status=Status.ONLINE).update(
        status=status
    )
