"""
The messages that a reader may ask for: all due messages of a feed.

The command `records` and the HTTP addresses use the same rules and sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clientapp.wire.names import is_feed_name
from clientapp.wire.position import MAX_OFFSET
from feeds.core.schedule import Schedule
from feeds.making.segments import Segments
from feeds.models import Feed
from feeds.running.clock import now_us

MOST_RECORDS = 10_000
"""Records of one response: about 5 MB of users. A reader asks again for more."""
MOST_DIGITS = len(str(MAX_OFFSET))


class RecordsError(Exception):
    """The requested records cannot be returned; the text says why."""


class NoSuchFeedError(RecordsError):
    """There is no feed of this name."""


class BadRangeError(RecordsError):
    """The range does not consist of offsets, or is too large."""


class NotDueError(RecordsError):
    """The feed has not reached the end of the range."""


class NotKeptError(RecordsError):
    """The feed begins after the beginning of the range."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Consecutive messages of a feed, all of them due; empty if *last* is *first* - 1."""

    feed: str
    schedule: Schedule
    first: int
    last: int


def find(name: str, first: str, last: str, *, most: int | None = None) -> Wanted:
    """
    Return the messages of the feed *name* from offset *first* to *last*, two texts.

    If *first* is empty, they begin with the oldest message. If *last* is empty, they end with the
    newest, or after *most* messages. Raises RecordsError and the database's
    errors.
    """
    row = row_of(name)
    schedule = Segments().schedules([name]).get(name, Schedule())
    reached = schedule.due(now_us(), row.promised)
    oldest = 1 if schedule.first is None else schedule.first.first
    begin = _offset("first", first, oldest)
    newest = reached if most is None else min(reached, begin + most - 1)
    end = _offset("last", last, max(newest, begin - 1))
    if begin < oldest:
        raise NotKeptError(f"{name} begins with offset {oldest}; earlier ones are not known here")
    if max(begin - 1, end) > reached:
        raise NotDueError(f"{name} has only reached offset {reached}, not {max(begin, end)}")
    if end < begin - 1:
        raise BadRangeError(f"last is {end}; it must not be less than first, {begin}")
    if most is not None and end - begin >= most:
        raise BadRangeError(f"{end - begin + 1} records are requested; at most {most} are allowed")
    return Wanted(name, schedule, begin, end)


def row_of(name: str) -> Feed:
    """Return the row of the feed *name*; raises RecordsError and the database's errors."""
    # PostgreSQL refuses to look for a name with a NUL.
    row = Feed.objects.filter(name=name).first() if is_feed_name(name) else None
    if row is None:
        names = ", ".join(Feed.objects.order_by("name").values_list("name", flat=True))
        raise NoSuchFeedError(f"there is no feed {name[:40]!a}; there are: {names}")
    return row


def listing() -> Iterator[dict[str, Any]]:
    """Yield the facts about each feed, by name; raises the database's errors."""
    rows = list(Feed.objects.order_by("name"))
    schedules = Segments().schedules([row.name for row in rows])
    for row in rows:
        schedule = schedules.get(row.name, Schedule())
        oldest, newest = schedule.first, schedule.last
        yield {
            "name": row.name,
            "kind": row.kind,
            "spec": row.spec,
            "seed": row.seed,
            "rate": float(row.rate),
            "enabled": row.enabled,
            "epoch": newest and newest.epoch,
            "first": oldest and oldest.first,
            "last": schedule.due(now_us(), row.promised),
        }


def _offset(name: str, text: str, default: int) -> int:
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    if not is_number or not 1 <= int(text) <= MAX_OFFSET:
        raise BadRangeError(f"{name} is {text[:40]!a}; it must be an offset, a whole number from 1")
    return int(text)
