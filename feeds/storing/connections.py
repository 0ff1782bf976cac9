"""
Stored connections: many opened at a time, closed, marked as alive, closed as lost.

After a server restart, a thousand clients return within a few seconds. Work for each
of them separately delays the event loop that serves them, since both need the
interpreter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from clientapp.wire.closing import Close
from clientapp.wire.request import DEFAULT_CLIENT
from feeds.models import ClientSession, Connection
from feeds.storing.facts import Closed, Opened
from feeds.storing.insertion import insert, update
from feeds.storing.locks import lock_sessions

Status = ClientSession.Status

ASKED_AT_ONCE = 400
"""Sessions in one query, with their channels: any SQLite allows a thousand parameters."""


def settle(ids: Mapping[str, int], facts: Sequence[Opened | Closed]) -> list[tuple[str, ...]]:
    """
    Store *facts*, those of each session in their order; return what each replaces.

    That is the channels of older connections of an opening's session. Facts of
    different sessions are independent, so they are stored in *rounds*: first the
    first fact of each session, then the second of each, and so on. A round takes few
    statements, whatever the number of its facts.
    """
    replaced: list[tuple[str, ...]] = [()] * len(facts)
    for places in _rounds(facts):
        openings, opened, closings = list[int](), list[Opened](), list[Closed]()
        for place in places:
            fact = facts[place]
            if isinstance(fact, Opened):
                openings.append(place)
                opened.append(fact)
            else:
                closings.append(fact)
        for place, channels in zip(openings, _open(ids, opened), strict=True):
            replaced[place] = channels
        _close(ids, closings)
    return replaced


def _rounds(facts: Sequence[Opened | Closed]) -> Sequence[Sequence[int]]:
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
    """Store *opened*, of distinct sessions, as if they had opened when the last one did."""
    if not opened:
        return []
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


def _close(ids: Mapping[str, int], closed: Sequence[Closed]) -> None:
    """Close the connections named in *closed*, of distinct sessions, that are open."""
    facts = {ids[fact.session]: fact for fact in closed}
    found = Connection.objects.filter(session__in=list(facts), closed_at=None)
    # Some connections were already replaced, or closed as lost.
    rows = [
        (pk, session)
        for pk, session, channel in found.values_list("pk", "session_id", "channel")
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
            for pk, session in rows
        ],
        ("closed_at", "seen_at", "close_code", "reason"),
    )
    gone = defaultdict[Status, list[int]](list)
    for _, session in rows:
        fact = facts[session]
        # A client may still say goodbye after an operator disconnected it.
        if fact.code == Close.REMOVED:
            gone[Status.DISCONNECTED].append(session)
        elif fact.left:
            gone[Status.LEFT].append(session)
        else:
            gone[Status.AWAY].append(session)
    if left := gone.pop(Status.LEFT, []):
        at = max(facts[session].at for session in left)
        ClientSession.objects.filter(pk__in=left).update(status=Status.LEFT, seen_at=at)
    for status, sessions in gone.items():
        _set_gone(sessions, status)


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
