"""
Commits of facts to the database, one transaction per batch.

A fact that is committed twice is stored once: a session is identified by its key, a
connection by its channel, a report by session and number, a sentence or text by session
and time of receipt. So a batch can be committed again if the answer was lost because its
process ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from django.db import transaction

from feeds.models import ClientMessage, ClientSession, Sample
from feeds.storing import connections, plain_reports, reports, sessions
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
from feeds.storing.locks import lock_sessions


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
    sessions.create(fact for fact in facts if isinstance(fact, Opened))
    keys = {fact.session for fact in facts}
    ids = dict(ClientSession.objects.filter(key__in=keys).values_list("key", "pk"))
    lock_sessions(ids.values())
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
            replaced = connections.open_all(ids, opened)
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
            connections.close(ids[fact.session], fact)
            return Outcome()
        case Reported() if fact.session in ids:
            return stored[id(fact)]
        case Explanation() if fact.session in ids:
            return reports.explain(ids[fact.session], fact)
    return Outcome(kept=fact.session in ids)
