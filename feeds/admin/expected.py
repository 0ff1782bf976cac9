"""
The records a block should contain, beside what its client reported.

The records are regenerated from the schedule. Of the messages that arrived, only the offsets and
checksums are known: a server does not keep the messages that it sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from clientapp.wire.verdict import Verdict
from feeds import show
from feeds.core.judgement import ROLLED_BACK
from feeds.core.schedule import Schedule
from feeds.making.regeneration import UnavailableError, lines_between
from feeds.making.segments import segment_of
from feeds.models import BlockReport, Feed

MOST_EXPECTED = 40
"""The most records shown of a block: those that differ and their neighbours, or the first."""
AS_SENT = "as sent"
NOT_TOLD = "not told"
KINDS = {
    "missing": "missing",
    "doubled": "twice",
    "altered": "altered",
    "out of order": "after a later one",
}
"""The kinds of difference, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRow:
    """One message that the block should contain."""

    feed: str
    offset: str
    due: str
    """The intended time of day, in UTC."""
    record: str
    checksum: str
    arrived: str
    state: str
    """``whole`` if it arrived as sent, ``unknown``, or ``broken``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The rows of a block."""

    rows: list[ExpectedRow]
    more: int
    """The number of messages of the block that are not shown."""
    notes: list[str]
    """Reasons why the records of a feed cannot be shown, as sentences."""


def expected_of(report: BlockReport) -> Expected:
    """Return the most relevant records of *report*, at most `MOST_EXPECTED`."""
    rows: list[ExpectedRow] = []
    notes: list[str] = []
    spanned = 0
    for feed, part in report.ranges.items():
        first, last = part["first"], part["last"]
        if f"{feed} {first} to {last}: {ROLLED_BACK}" in report.reason:
            notes.append(f"The records of {feed} cannot be shown: their {ROLLED_BACK}.")
            continue
        spanned += last - first + 1
        difference: Mapping[str, Any] = (report.difference or {}).get(feed, {})
        wanted = _wanted(first, last, difference, MOST_EXPECTED - len(rows))
        try:
            rows += _rows(report, feed, wanted, difference)
        except (UnavailableError, LookupError) as error:
            notes.append(f"The records of {feed} cannot be shown: {error}.")
    return Expected(rows=rows, more=spanned - len(rows) if not notes else 0, notes=notes)


def _wanted(first: int, last: int, difference: Mapping[str, Any], most: int) -> list[int]:
    """Return the offsets to show: those that differ and their neighbours, or else the first."""
    found: set[int] = set()
    for offset in _offsets(difference):
        if len(found) >= most:
            break
        found |= {one for one in (offset - 1, offset, offset + 1) if first <= one <= last}
    return sorted(found or range(first, min(last, first + most - 1) + 1))[:most]


def _offsets(difference: Mapping[str, Any]) -> Iterator[int]:
    for kind in KINDS:
        for begin, end in difference.get(kind, ()):
            yield from range(begin, end + 1)


def _rows(
    report: BlockReport, feed: str, wanted: Sequence[int], difference: Mapping[str, Any]
) -> Iterator[ExpectedRow]:
    if not wanted:
        return
    schedule = _schedule(feed, wanted[0], wanted[-1])
    received = dict(difference.get("checksums", ()))
    for offset in wanted:
        (line,) = lines_between(feed, schedule, offset, offset)
        checksum = f"{crc32(line):08x}"
        arrived, state = _arrived(report, offset, difference)
        if offset in received:
            arrived += f", checksum {received[offset]:08x}"
        yield ExpectedRow(
            feed=feed,
            offset=f"{offset:,}",
            due=show.time_us(schedule.at(offset)),
            record=show.record(line),
            checksum=checksum,
            arrived=arrived,
            state=state,
        )


def _arrived(report: BlockReport, offset: int, difference: Mapping[str, Any]) -> tuple[str, str]:
    """Return how the message at *offset* arrived, and the state of its row."""
    if report.verdict == Verdict.VERIFIED:
        return AS_SENT, "whole"
    kinds = [
        words
        for kind, words in KINDS.items()
        if any(begin <= offset <= end for begin, end in difference.get(kind, ()))
    ]
    if kinds:
        return " and ".join(kinds), "broken"
    return (AS_SENT, "whole") if report.difference is not None else (NOT_TOLD, "unknown")


def _schedule(feed: str, first: int, last: int) -> Schedule:
    """Return the schedule for the offsets; raises LookupError if the feed was removed."""
    row = Feed.objects.filter(name=feed).first()
    if row is None:
        raise LookupError("the feed was removed")
    before = row.segments.filter(first__lte=first).order_by("-first")[:1]
    between = row.segments.filter(first__gt=first, first__lte=last)
    return Schedule([segment_of(segment) for segment in (*before, *between)])
