"""
Storage of plain clients' reports: each sentence is stored once, and counted.

A client may give its blocks any numbers, even the same to all, so the server
counts the sentences of a session and uses the count as the report's number. A
sentence that is committed again is recognised by its session, text and time of
receipt. The caller holds the transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from clientapp.wire.names import is_client_name
from clientapp.wire.request import DEFAULT_CLIENT
from clientapp.wire.verdict import Verdict
from feeds.core.judgement import Judgement
from feeds.models import BlockReport, ClientSession
from feeds.storing import reports
from feeds.storing.facts import Outcome, PlainReport, Reported
from feeds.storing.insertion import insert


def store(ids: Mapping[str, int], reported: Sequence[Reported]) -> dict[int, Outcome]:
    """Store the new plain reports; return the outcome of each by the id of its fact."""
    if not reported:
        return {}
    rows = {id(fact): reports.report_row(ids[fact.session], fact) for fact in reported}
    stored = _stored(list(rows.values()))
    new = [row for row in rows.values() if _key(row) not in stored]
    # Count before numbering: this locks the rows of the sessions for other processes.
    reports.count(new)
    _number(new)
    insert(new)
    _name_guests(ids, reported)
    return {
        fact_id: Outcome(
            judgement=Judgement(Verdict(row.verdict), row.reason),
            number=stored.get(_key(row), row.number),
            is_new=_key(row) not in stored,
        )
        for fact_id, row in rows.items()
    }


def _key(row: BlockReport) -> tuple[object, ...]:
    return row.session_id, row.received_at, row.text


def _stored(again: Sequence[BlockReport]) -> dict[tuple[object, ...], int]:
    """Return the numbers of the reports in *again* that are stored already."""
    times = [row.received_at for row in again]
    found = {}
    for start in range(0, len(times), reports.PAIRS):
        some = BlockReport.objects.filter(
            plain=True, received_at__in=times[start : start + reports.PAIRS]
        )
        found.update({_key(row): row.number for row in some})
    return found


def _number(new: Sequence[BlockReport]) -> None:
    """Set the numbers of the *new* rows; the counts of their sessions include them."""
    sessions = ClientSession.objects.filter(pk__in={row.session_id for row in new})
    counts = dict(sessions.values_list("pk", "sentences"))
    left = Counter(row.session_id for row in new)
    for row in new:
        left[row.session_id] -= 1
        row.number = counts[row.session_id] - left[row.session_id]


def _name_guests(ids: Mapping[str, int], reported: Sequence[Reported]) -> None:
    """Give each session without a client's name the name in its first sentence."""
    names: dict[int, str] = {}
    for fact in reported:
        if isinstance(fact.report, PlainReport) and is_client_name(fact.report.client):
            names.setdefault(ids[fact.session], fact.report.client)
    guests = ClientSession.objects.filter(pk__in=names, client=DEFAULT_CLIENT)
    for pk in guests.values_list("pk", flat=True):
        ClientSession.objects.filter(pk=pk).update(client=names[pk])
