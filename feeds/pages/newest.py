"""
The newest messages of a feed, for people who watch it.

They are regenerated from the schedule, as a server does for messages it lacks.
So watching needs no session, only two small reads of the database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from feeds import show
from feeds.core.schedule import Schedule
from feeds.making.regeneration import UnavailableError, lines_between
from feeds.making.segments import segment_of
from feeds.models import Feed

MOST_MESSAGES = 10
"""The most messages shown of a feed: as many as a person can read, whatever the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMessage:
    """One message as a row."""

    offset: int
    at: str
    """The intended time of day, in UTC."""
    at_us: int
    """The intended time itself, in microseconds since 1970."""
    record: str
    """The text of the record, truncated if it is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest messages of one feed."""

    feed: str
    messages: list[ShownMessage] = field(default_factory=list)
    """The newest first; empty if the feed never ran or cannot be regenerated here."""
    most: int = MOST_MESSAGES


def newest(name: str) -> Newest:
    """Return the last messages of the feed *name* that are due now."""
    row = Feed.objects.filter(name=name).first()
    if row is None:
        return Newest(feed=name)
    segments = [segment_of(segment) for segment in row.segments.order_by("-first")[:2]]
    schedule = Schedule(segments)
    last = schedule.due(time.time_ns() // 1000, row.promised)
    first = max(last - MOST_MESSAGES + 1, min((one.first for one in segments), default=1))
    try:
        lines = lines_between(name, schedule, first, last)
    except UnavailableError:
        return Newest(feed=name)
    rows = [_shown(offset, schedule.at(offset), line) for offset, line in enumerate(lines, first)]
    return Newest(feed=name, messages=rows[::-1])


def _shown(offset: int, at_us: int, line: bytes) -> ShownMessage:
    return ShownMessage(
        offset=offset, at=show.time_us(at_us), at_us=at_us, record=show.record(line)
    )
