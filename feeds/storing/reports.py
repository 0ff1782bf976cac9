"""
Storage of clients' reports, each once, with its judgement.

A report that is sent again has the outcome of the stored report. If the contents
differ, that is a conflict, and the stored report stays. A report that was removed for its
age is not stored again. The caller holds the transaction. ``feeds.storing.plain_reports``
stores and numbers plain reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery

from clientapp.wire.report import Report
from clientapp.wire.verdict import Verdict
from feeds.core.difference import describe
from feeds.core.judgement import Judgement
from feeds.core.timing import timing_of
from feeds.making.segments import Segments
from feeds.models import BlockReport, ClientSession
from feeds.storing.facts import Explanation, Outcome, Reported
from feeds.storing.insertion import insert

PAIRS = 200
"""Reports in one query: SQLite nests at most 1,000 expressions."""
_SEGMENTS = Segments()
LONGEST_REASON = 500
"""Most characters of a reason: the length of the column."""


def store(ids: dict[str, int], reported: Sequence[Reported]) -> dict[int, Outcome]:
    """Store new reports; return the outcome of each report by the id of its fact."""
    rows = {id(fact): report_row(ids[fact.session], fact) for fact in reported}
    forgotten, highest, feeds = _sessions({row.session_id for row in rows.values()})
    stored = _stored_reports(
        [row for row in rows.values() if row.number <= highest[row.session_id]]
    )
    new: list[BlockReport] = []
    outcomes = {}
    _time(rows, reported, feeds)
    for fact_id, row in rows.items():
        key = (row.session_id, row.number)
        if key not in stored and row.number <= forgotten[row.session_id]:
            outcomes[fact_id] = _outcome_of_forgotten(row)
            continue
        known = stored.setdefault(key, row)
        if known is row:
            new.append(row)
        outcomes[fact_id] = _outcome(known, row)
    insert(new)
    count(new)
    return outcomes


def _time(
    rows: dict[int, BlockReport], reported: Sequence[Reported], feeds: dict[int, Sequence[str]]
) -> None:
    """Set the rates and ideal time of each of *rows*; *feeds* holds the feeds per session."""
    judged = [
        (rows[id(fact)], fact.report)
        for fact in reported
        if isinstance(fact.report, Report) and fact.is_timed and not fact.judgement.is_rolled_back
    ]
    if not judged:
        return
    schedules = _SEGMENTS.schedules({name for row, _ in judged for name in feeds[row.session_id]})
    for row, report in judged:
        timing = timing_of(report.feeds, feeds[row.session_id], schedules)
        row.rates = dict(timing.rates)
        # A broken block may lack its first or last message, whatever its ranges say.
        row.ideal = None if row.verdict == Verdict.BROKEN else timing.ideal


def count(new: Sequence[BlockReport]) -> None:
    """Add *new* reports to the totals of their sessions."""
    totals: dict[int, Counter[str]] = {}
    for row in new:
        total = totals.setdefault(row.session_id, Counter())
        total.update({"blocks": 1, "messages": row.size or 0, row.verdict: 1})
        if row.plain:
            total["sentences"] += 1
    # Most sessions of a batch get the same increments: update these in one statement.
    alike: dict[frozenset[tuple[str, int]], list[int]] = {}
    for session, total in totals.items():
        alike.setdefault(frozenset(total.items()), []).append(session)
    for increments, sessions in alike.items():
        ClientSession.objects.filter(pk__in=sessions).update(
            seen_at=max(row.received_at for row in new),
            **{field: F(field) + increment for field, increment in increments},
        )


def _outcome(stored: BlockReport, again: BlockReport) -> Outcome:
    """Return the stored judgement, even if *again*, a repetition of the report, got another one."""
    if not _same(stored, again):
        return Outcome()
    return Outcome(
        judgement=Judgement(Verdict(stored.verdict), stored.reason),
        is_new=stored is again,
        ideal=again.ideal,
        is_explained=stored.difference is not None,
    )


def _outcome_of_forgotten(again: BlockReport) -> Outcome:
    """Return the new judgement on a report: the earlier judgement was removed with it."""
    judgement = Judgement(Verdict(again.verdict), again.reason)
    return Outcome(judgement=judgement, is_explained=True)


def explain(session: int, fact: Explanation) -> Outcome:
    """Store the difference of a broken block, unless one is stored."""
    unexplained = BlockReport.objects.filter(
        session=session,
        plain=False,
        number=fact.block,
        verdict=BlockReport.Verdict.BROKEN,
        difference__isnull=True,
    )
    reason = describe(fact.difference)[:LONGEST_REASON]
    difference = {feed: part.write() for feed, part in fact.difference.items()}
    if not unexplained.update(reason=reason, difference=difference):
        return Outcome()
    return Outcome(judgement=Judgement(Verdict.BROKEN, reason), is_explained=True)


def _stored_reports(again: Sequence[BlockReport]) -> dict[tuple[int, int], BlockReport]:
    """Return the stored reports with the sessions and numbers of *again*."""
    found = {}
    pairs = [Q(session=row.session_id, number=row.number) for row in again]
    for start in range(0, len(pairs), PAIRS):
        any_of = reduce(or_, pairs[start : start + PAIRS])
        rows = BlockReport.objects.filter(any_of, plain=False)
        found.update({(row.session_id, row.number): row for row in rows})
    return found


def _sessions(
    sessions: Collection[int],
) -> tuple[dict[int, int], dict[int, int], dict[int, Sequence[str]]]:
    """Return per session its highest forgotten block, highest stored block, and feeds."""
    reports = BlockReport.objects.filter(session=OuterRef("pk"), plain=False).order_by("-number")
    newest = Subquery(reports.values("number")[:1])
    found = ClientSession.objects.filter(pk__in=sessions).values_list(
        "pk", "forgotten", "feeds", newest
    )
    forgotten, highest, feeds = {}, {}, {}
    for session, gone, names, number in found:
        forgotten[session], highest[session], feeds[session] = gone, number or 0, names.split()
    return forgotten, highest, feeds


def _same(stored: BlockReport, again: BlockReport) -> bool:
    return (stored.size, stored.seconds, stored.ranges, stored.text) == (
        again.size,
        again.seconds,
        again.ranges,
        again.text,
    )


def report_row(session: int, fact: Reported) -> BlockReport:
    """Return the row of a report; a plain report has no number yet."""
    report = fact.report
    row = BlockReport(
        session_id=session, seconds=report.seconds, clients=fact.clients, received_at=fact.at
    )
    row.text = report.text
    row.verdict = fact.judgement.verdict
    row.reason = fact.judgement.reason[:LONGEST_REASON]
    if isinstance(report, Report):
        ranges: dict[str, Any] = {name: part.write() for name, part in report.feeds.items()}
        row.number = report.block
        row.size = report.size
        row.ranges = ranges
        row.interrupted = report.interrupted
        row.latency_p50 = report.latency.p50
        row.latency_p99 = report.latency.p99
        row.latency_max = report.latency.max
        row.label = report.label
        if report.clock is not None and fact.is_timed:
            row.clock_offset = report.clock.offset
            row.clock_error = report.clock.error
        row.started_at = _wall(report.started_at)
        row.finished_at = _wall(report.finished_at)
    else:
        row.plain, row.number_said, row.size = True, report.number_said, report.size
    return row


def _wall(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
