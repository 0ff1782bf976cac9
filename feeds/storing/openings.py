"""
Storage of sessions and their new connections, many at a time.

After a server restart, a thousand clients return within a few seconds. Work for each
of them separately delays the event loop that serves them, since both need the
interpreter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from django.db.models import F, Q

from clientapp.wire.closing import Close
from clientapp.wire.request import DEFAULT_CLIENT
from feeds.models import ClientSession, Connection
from feeds.storing.facts import Opened
from feeds.storing.insertion import insert


def create_sessions(opened: Iterable[Opened]) -> None:
    """Create the sessions of *opened* that do not exist yet."""
    insert(
        [
            ClientSession(
                key=fact.session,
                client=fact.client,
                feeds=" ".join(fact.feeds),
                block_size=fact.block_size,
                created_at=fact.at,
                connected_at=fact.at,
                seen_at=fact.at,
            )
            for fact in opened
        ],
        ignore_conflicts=True,
    )


def open_connections(ids: Mapping[str, int], opened: Sequence[Opened]) -> Iterator[tuple[str, ...]]:
    """Store *opened* in order; yield the channels that each replaces."""
    while opened:
        length = _distinct(opened)
        yield from _open(ids, opened[:length])
        opened = opened[length:]


def _distinct(opened: Sequence[Opened]) -> int:
    """Return how many of *opened* precede the first second connection of a session."""
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
        status=ClientSession.Status.ONLINE,
        connects=F("connects") + 1,
        connected_at=at,
        seen_at=at,
    )
    for session, client in sessions.values_list("pk", "client"):
        # A guest keeps the name taken from its sentence.
        if client != clients[session] != DEFAULT_CLIENT:
            ClientSession.objects.filter(pk=session).update(client=clients[session])
    return [replaced[ids[fact.session]] for fact in opened]
