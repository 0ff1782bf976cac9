"""
Stored connections: many opened at a time, closed, closed as lost, opened again.

After a server restart, a thousand clients return within a few seconds. Work for each
of them separately delays the event loop that serves them, since both need the
interpreter.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, Max, OuterRef, Q, Value
from django.db.models.functions import Greatest

from clientapp.wire.closing import Close
from clientapp.wire.request import DEFAULT_CLIENT
from feeds.models import ClientSession, Connection, Lease
from feeds.storing import leases
from feeds.storing.facts import Closed, Opened, Reopened
from feeds.storing.insertion import insert, update
from feeds.storing.locks import lock_sessions

Status = ClientSession.Status

ASKED_AT_ONCE = 400
"""Sessions in one query, with their channels: every SQLite allows a thousand parameters."""
WRITTEN_AT_ONCE = 400
"""Connections in one transaction of a heartbeat, so that nobody waits long for its locks."""
LATE_SECONDS = 5.0
"""An opening that is stored this many seconds late ends no connection of another server. While it
waited for the database, its client may have moved to that server. If the client came from there
instead, its old connection ends by itself."""
LOST = {"close_code": 1006, "reason": "the server ended"}
"""The end of a connection whose server showed no sign of life; it may still be served."""
REPLACED = {"close_code": Close.REPLACED, "reason": "replaced"}
STILL_OPEN = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)

Move = Opened | Closed | Reopened
"""A fact about a connection."""


def settle(ids: Mapping[str, int], moves: Sequence[Move]) -> list[tuple[str, ...]]:
    """
    Store *moves*, in order within each session; return the channels to be ended.

    For an opening, these are older connections of its session; for a reopening, its own
    channel if it stays ended. Moves of different sessions are independent, so they are stored in
    *rounds*: first the first of each session, then the second of each, and so on. A round
    takes few statements, whatever the number of its moves.
    """
    ended: list[tuple[str, ...]] = [()] * len(moves)
    for places in _rounds(moves):
        chosen = [(place, moves[place]) for place in places]
        _close(ids, [move for _, move in chosen if isinstance(move, Closed)])
        opened = {place: move for place, move in chosen if isinstance(move, Opened)}
        reopened = {place: move for place, move in chosen if isinstance(move, Reopened)}
        for some, found in (
            (opened, _open(ids, list(opened.values()))),
            (reopened, _reopen(ids, list(reopened.values()))),
        ):
            for place, channels in zip(some, found, strict=True):
                ended[place] = channels
    return ended


def _rounds(facts: Sequence[Move]) -> Sequence[Sequence[int]]:
    """Return the places of *facts* by round; each has at most one fact of a session."""
    seen = Counter[str]()
    rounds: list[list[int]] = []
    for place, fact in enumerate(facts):
        number = seen[fact.session]
        seen[fact.session] += 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(place)
    return rounds


def _open(ids: Mapping[str, int], opened: Sequence[Opened]) -> list[tuple[str, ...]]:
    """
    Store *opened*, of distinct sessions, as if they had opened when the last one did.

    Older connections are replaced; a late opening replaces only older ones of its own server.
    """
    if not opened:
        return []
    at = max(fact.at for fact in opened)
    channels = {ids[fact.session]: fact.channel for fact in opened}
    # Connections may be stored already, and even closed, if a commit's answer was lost.
    is_known = Q(closed_at=None) | Q(channel__in=list(channels.values()))
    found = Connection.objects.filter(is_known, session__in=list(channels))
    known = list(found.values_list("pk", "session_id", "channel", "server", "closed_at"))
    for session in {session for _, session, channel, *_ in known if channel == channels[session]}:
        del channels[session]
    latest = time.monotonic() - LATE_SECONDS
    late = {ids[fact.session]: fact.server for fact in opened if fact.clock <= latest}
    replaced = defaultdict[int, tuple[str, ...]](tuple)
    older = list[int]()
    for pk, session, channel, server, closed_at in known:
        is_left = late.get(session, server) == server
        if session in channels and closed_at is None and is_left:
            replaced[session] += (channel,)
            older.append(pk)
    fresh = [fact for fact in opened if ids[fact.session] in channels]
    if older:
        Connection.objects.filter(pk__in=older).update(closed_at=at, seen_at=at, **REPLACED)
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


def _close(ids: Mapping[str, int], closed: Sequence[Closed]) -> None:
    """
    Close the connections named in *closed*, of distinct sessions.

    If one was closed as lost meanwhile, its true end is stored. If it was replaced, or
    is closed already, nothing changes.
    """
    if not closed:
        return
    facts = {ids[fact.session]: fact for fact in closed}
    found = Connection.objects.filter(Q(closed_at=None) | Q(**LOST), session__in=list(facts))
    rows = [
        (pk, session, closed_at is None)
        for pk, session, channel, closed_at in found.values_list(
            "pk", "session_id", "channel", "closed_at"
        )
        if channel == facts[session].channel
    ]
    update(
        [
            Connection(
                pk=pk,
                closed_at=facts[session].at,
                seen_at=facts[session].at,
                close_code=facts[session].code,
                reason=facts[session].reason,
            )
            for pk, session, _ in rows
        ],
        ("closed_at", "seen_at", "close_code", "reason"),
    )
    # Of the connections closed as lost, only the newest of its session decides the status.
    lost = [session for _, session, was_open in rows if not was_open]
    newest = set(_newest(lost)) if lost else set()
    owners = [session for pk, session, was_open in rows if was_open or pk in newest]
    gone = ClientSession.objects.filter(~Exists(STILL_OPEN), pk__in=owners)
    update(
        [
            ClientSession(pk=session, status=_status(facts[session]), seen_at=facts[session].at)
            for session in gone.values_list("pk", flat=True)
        ],
        ("status", "seen_at"),
    )


def _newest(sessions: Sequence[int]) -> list[int]:
    """Return the primary keys of the newest connections of *sessions*."""
    stored = Connection.objects.filter(session__in=sessions).order_by().values("session")
    return list(stored.annotate(newest=Max("pk")).values_list("newest", flat=True))


def _status(end: Closed) -> Status:
    """Return the status of a session after the *end* of its only connection."""
    if end.code in (Close.REMOVED, Close.DENIED):  # even if the client says goodbye then
        return Status.DISCONNECTED
    return Status.LEFT if end.left else Status.AWAY


def _reopen(ids: Mapping[str, int], reopened: Sequence[Reopened]) -> list[tuple[str, ...]]:
    """
    Reopen connections that are served, although they are stored as lost or replaced.

    A connection stays ended, as replaced, if its session has another open connection, or its
    client has left or was disconnected since. The result has the channels of such connections.
    """
    if not reopened:
        return []
    sessions = {ids[fact.session] for fact in reopened}
    ended = Connection.objects.filter(Q(**LOST) | Q(**REPLACED), session__in=sessions)
    named = ended.filter(channel__in=[fact.channel for fact in reopened])
    found = list(named.values_list("session_id", "channel", "pk"))
    away = ClientSession.objects.filter(~Exists(STILL_OPEN), pk__in=sessions, status=Status.AWAY)
    back = set(away.values_list("pk", flat=True))
    again = {session: pk for session, _, pk in found if session in back}
    opened = Connection.objects.filter(pk__in=again.values())
    opened.update(closed_at=None, close_code=None, reason="")
    ClientSession.objects.filter(pk__in=again).update(status=Status.ONLINE)
    replaced = {channel: pk for session, channel, pk in found if session not in again}
    Connection.objects.filter(pk__in=replaced.values()).update(**REPLACED)
    return [(fact.channel,) if fact.channel in replaced else () for fact in reopened]


def note_lags(server: str, behind: Mapping[str, int]) -> set[str]:
    """
    Store the lags of the open connections of *server*; return their channels.

    *behind* holds the number of messages that a connection lacks, by its channel;
    connections not in it lack none. Only rows that change are written.
    """
    alive = Connection.objects.filter(server=server, closed_at=None).order_by()
    # Tuples: ten thousand model instances would block the interpreter.
    rows = list(alive.values_list("pk", "session_id", "channel", "behind"))
    changed = {
        pk: (session, behind.get(channel, 0))
        for pk, session, channel, lag in rows
        if lag != behind.get(channel, 0)
    }
    keys = list(changed)
    for start in range(0, len(keys), WRITTEN_AT_ONCE):
        _store_lags({key: changed[key] for key in keys[start : start + WRITTEN_AT_ONCE]})
    return {channel for _, _, channel, _ in rows}


@transaction.atomic
def _store_lags(changed: Mapping[int, tuple[int, int]]) -> None:
    """Store the lags of connections, given with their sessions by primary key."""
    lock_sessions(session for session, _ in changed.values())
    update([Connection(pk=pk, behind=lag) for pk, (_, lag) in changed.items()], ["behind"])


def find_ended(served: Mapping[str, str]) -> list[str]:
    """Return those of *served* (stored keys by channel) that are stored as lost or replaced."""
    channels, found = list(served), list[str]()
    ended = Connection.objects.filter(Q(**LOST) | Q(**REPLACED))
    for start in range(0, len(channels), ASKED_AT_ONCE):
        some = channels[start : start + ASKED_AT_ONCE]
        # Filter by session first: its index finds a few rows.
        rows = ended.filter(session__key__in=[served[one] for one in some])
        found += rows.filter(channel__in=some).values_list("channel", flat=True)
    return found


@transaction.atomic
def close_lost(server: str, sign: leases.Sign) -> int:
    """
    Close connections of *server*, which is dead; return how many, 0 if none is open.

    At most `WRITTEN_AT_ONCE` are closed. Call it until it returns 0: that call removes the
    lease. Nothing is done if the sign of life of *server* is no longer *sign*.
    """
    # The newest last: without a lease, its time is the sign.
    alive = Connection.objects.filter(server=server, closed_at=None).order_by("seen_at", "pk")
    found = dict(alive.values_list("pk", "session_id")[:WRITTEN_AT_ONCE])
    lock_sessions(found.values())
    lease = Lease.objects.filter(server=server)
    if not found:
        if isinstance(sign, int):
            lease.filter(beats=sign).delete()
        return 0
    if leases.signs(server=server).get(server) != sign:
        return 0
    seen: Any = F("seen_at")
    for at in lease.values_list("seen_at", flat=True):
        seen = Greatest(seen, Value(at, output_field=DateTimeField()))
    Connection.objects.filter(pk__in=found, closed_at=None).update(
        closed_at=seen, seen_at=seen, **LOST
    )
    gone = ClientSession.objects.filter(~Exists(STILL_OPEN), pk__in=found.values())
    gone.filter(status=Status.ONLINE).update(status=Status.AWAY, seen_at=seen)
    return len(found)
