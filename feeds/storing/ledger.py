"""
Commits of facts to the database, one transaction per batch.

A fact that is committed twice is stored once: a session is identified by its key, a
connection by its channel (``feeds.storing.openings``), a report by session and number
(``feeds.storing.reports``), a sentence or text by session and time of receipt. So a
batch can be committed again if the answer was lost because its process ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, takewhile

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q

from clientapp.wire.closing import Close
from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Sample
from feeds.storing import openings, plain_reports, reports
from feeds.storing.facts import (
    Closed,
    Explanation,
    Fact,
    Opened,
    Outcome,
    PlainReport,
    Reported,
    Said,
)

Status = ClientSession.Status

ASKED_AT_ONCE = 400
"""Sessions in one query, with their channels: any SQLite allows a thousand parameters."""


@dataclass(frozen=True, slots=True)
class KnownSession:
    """The stored state of a returning session."""

    feeds: tuple[str, ...]
    block_size: int
    blocks: int
    """The number up to which every block is or was stored; 0: not even the first."""


def find_session(key: str) -> KnownSession | None:
    """Return the stored state of the session *key*; None if it is unknown."""
    sessions = ClientSession.objects.filter(key=key)
    # Read no more than necessary: a connecting client waits for this.
    for session, feeds, block_size, forgotten in sessions.values_list(
        "pk", "feeds", "block_size", "forgotten"
    ):
        blocks = _stored_blocks(session, forgotten)
        return KnownSession(tuple(feeds.split()), block_size, blocks)
    return None


def _stored_blocks(session: int, forgotten: int) -> int:
    stored = BlockReport.objects.filter(session=session, plain=False, number__gt=forgotten)
    found = stored.aggregate(highest=Max("number"), count=Count("pk"))
    blocks = found["highest"] or forgotten
    if blocks - forgotten != found["count"]:
        numbers = stored.order_by("number").values_list("number", flat=True).iterator()
        whole = takewhile(lambda pair: pair[0] == pair[1], enumerate(numbers, forgotten + 1))
        blocks = forgotten + sum(1 for _ in whole)
    return blocks


@transaction.atomic
def probe() -> None:
    """Write a row and remove it; raises the database's errors if it accepts no writes."""
    row = Sample.objects.create(
        server="probe",
        at=datetime.now(UTC),
        seconds=0,
        sessions=0,
        messages=0,
        worst_lag=0,
        blocks=0,
        verified=0,
        broken=0,
    )
    row.delete()


@transaction.atomic
def commit(facts: Sequence[Fact]) -> list[Outcome]:
    """Store *facts* in their order; return the outcome of each."""
    openings.create_sessions(fact for fact in facts if isinstance(fact, Opened))
    keys = {fact.session for fact in facts}
    ids = dict(ClientSession.objects.filter(key__in=keys).values_list("key", "pk"))
    known = [fact for fact in facts if fact.session in ids]
    reported = [fact for fact in known if isinstance(fact, Reported)]
    plain = [fact for fact in reported if isinstance(fact.report, PlainReport)]
    stored = plain_reports.store(ids, plain)
    if len(plain) < len(reported):
        checked = [fact for fact in reported if not isinstance(fact.report, PlainReport)]
        stored |= reports.store(ids, checked)
    _store_texts(ids, [fact for fact in known if isinstance(fact, Said)])
    outcomes: list[Outcome] = []
    for kind, group in groupby(facts, type):
        if kind is Opened:
            opened = [fact for fact in group if isinstance(fact, Opened)]
            replaced = openings.open_connections(ids, opened)
            outcomes.extend(Outcome(replaced=channels) for channels in replaced)
            continue
        outcomes.extend(_settle(ids, stored, fact) for fact in group)
    return outcomes


def _store_texts(ids: Mapping[str, int], said: Sequence[Said]) -> None:
    """Store the new texts of *said*; a session sends at most one per microsecond."""
    if not said:
        return
    same_time = ClientMessage.objects.filter(received_at__in={fact.at for fact in said})
    stored = set(same_time.values_list("session_id", "received_at", "text"))
    texts = [(ids[fact.session], fact.at, fact.text) for fact in said]
    ClientMessage.objects.bulk_create(
        ClientMessage(session_id=session, received_at=at, text=text)
        for session, at, text in texts
        if (session, at, text) not in stored
    )


def _settle(ids: Mapping[str, int], stored: Mapping[int, Outcome], fact: Fact) -> Outcome:
    """Return the outcome of *fact*, which is not an `Opened`."""
    match fact:
        case Closed() if fact.session in ids:
            _close(ids[fact.session], fact)
            return Outcome()
        case Reported() if fact.session in ids:
            return stored[id(fact)]
        case Explanation() if fact.session in ids:
            return reports.explain(ids[fact.session], fact)
    return Outcome(kept=fact.session in ids)


@transaction.atomic
def mark_seen(server: str, at: datetime, behind: Mapping[str, int]) -> set[str]:
    """
    Note that the open connections of *server* are alive; return their channels.

    *behind* holds the number of messages that a connection lacks, by its channel;
    connections not in it lack none.
    """
    alive = Connection.objects.filter(server=server, closed_at=None)
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


def close_lost(before: datetime, after: datetime) -> int:
    """
    Close the connections that no server has seen since *before*; return their number.

    Their server ended without closing them. If one was seen later than *after*, which
    is in the future, the clock has been set back since.
    """
    is_unseen = Q(seen_at__lt=before) | Q(seen_at__gt=after)
    lost = Connection.objects.filter(is_unseen, closed_at=None)
    sessions = list(lost.values_list("session_id", flat=True))
    lost.update(closed_at=F("seen_at"), close_code=1006, reason="the server ended")
    _set_gone(sessions, Status.AWAY)
    return len(sessions)


def _close(session: int, fact: Closed) -> None:
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


def _set_gone(sessions: Sequence[int], status: Status) -> None:
    """Set *status* on those of *sessions* that are online without an open connection."""
    still_open = Connection.objects.filter(session=OuterRef("pk"), closed_at=None)
    ClientSession.objects.filter(~Exists(still_open), pk__in=sessions, status=Status.ONLINE).update(
        status=status
    )
