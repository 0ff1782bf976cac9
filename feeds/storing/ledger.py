"""
Commits of facts to the database, one transaction per batch.

A fact that is committed twice is stored once: a session is identified by its key, a
connection by its channel, a report by session and number, a sentence or text by session
and time of receipt. So a batch can be committed again if the answer was lost because its
process ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from django.db import transaction

from feeds.models import ClientSession, Sample
from feeds.storing import connections, plain_reports, reports, sessions, texts
from feeds.storing.facts import (
    Closed,
    Explanation,
    Fact,
    Opened,
    Outcome,
    PlainReport,
    Reopened,
    Reported,
    Said,
)
from feeds.storing.locks import lock_sessions

ALONE = 20
"""The weight of a fact with its own statements: 2 ms, as much as 20 facts stored together."""


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


def fitting(facts: Iterable[Fact], limit: int) -> int:
    """
    Return the number of leading *facts* that one transaction may store: at least 1.

    Most facts are stored together with others of their kind and count as one of
    *limit*. A fact that needs statements of its own counts as `ALONE`: an explanation,
    and each further opening or closing of the same session.
    """
    moved = set[str]()
    left = limit
    size = 0
    for fact in facts:
        is_move = isinstance(fact, connections.Move)
        is_alone = isinstance(fact, Explanation) or (is_move and fact.session in moved)
        if is_move:
            moved.add(fact.session)
        left -= ALONE if is_alone else 1
        if left < 0 and size:
            break
        size += 1
    return size


@transaction.atomic
def commit(facts: Sequence[Fact]) -> list[Outcome]:
    """
    Store *facts*; return the outcome of each.

    New sessions come first, then plain reports, other reports, texts, moves and
    explanations. The facts of one kind are stored in their order.
    """
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
    texts.store(ids, [fact for fact in known if isinstance(fact, Said)])
    moves = [fact for fact in known if isinstance(fact, connections.Move)]
    replaced = iter(connections.settle(ids, moves))
    return [_outcome(ids, stored, replaced, fact) for fact in facts]


def _outcome(
    ids: Mapping[str, int],
    stored: Mapping[int, Outcome],
    replaced: Iterator[tuple[str, ...]],
    fact: Fact,
) -> Outcome:
    """Return the outcome of *fact*; for a `Move`, use the next item of *replaced*."""
    if fact.session not in ids:
        return Outcome(kept=False)
    match fact:
        case Opened() | Closed() | Reopened():
            return Outcome(replaced=next(replaced))
        case Reported():
            return stored[id(fact)]
        case Explanation():
            return reports.explain(ids[fact.session], fact)
    return Outcome()
