"""
The feeds as a process knows them: rows, schedules, and their sources.

Everything but `Catalog.refresh` uses the result of the last refresh, so feeds are
served even while the database is unavailable.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db.models import Q

from feeds.core import notices
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.regeneration import ScheduleUnknownError, source_of
from feeds.models import Feed
from feeds.models import Segment as SegmentRow
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger("feeds.node")

ATTENDED_US = 3_000_000
"""A generator is at work if its promise is younger than this, three times its reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFeed:
    """One feed at the last refresh."""

    pk: int
    name: str
    enabled: bool
    rate: float
    """Messages per second."""
    recipe: Recipe
    """The recipe in the feed's row; that of its newest segment may differ."""
    fields: tuple[str, ...]
    """The members of each record; empty if records are not objects."""
    next_epoch: str
    """The epoch of `recipe`; empty if its spec is invalid."""
    promised: int
    promised_us: int
    schedule: Schedule = field(repr=False)
    removed: bool = False
    """Whether the feed was removed: then it is switched off for good."""

    def running(self, now_us: int) -> bool:
        """Tell whether a generator is at work on the feed."""
        return self.enabled and is_attended(self.promised_us, now_us)

    def sentence(self, now_us: int) -> str:
        """Return the feed's state as a sentence, with what to do if it is not running."""
        if self.removed:
            return notices.removed(self.name)
        if not self.enabled:
            return notices.switched_off(self.name)
        return (notices.running if self.running(now_us) else notices.not_running)(self.name)

    def head(self, now_us: int) -> int:
        """Return the last offset that is promised and due; 0: none."""
        return self.schedule.due(now_us, self.promised)

    def epoch_at(self, offset: int) -> str:
        """Return the epoch of *offset*, which may be in the future."""
        if self.schedule.last is None:
            return self.next_epoch
        try:
            return self.schedule.segment(offset).epoch
        except LookupError:
            return self.schedule.last.epoch


def is_attended(promised_us: int, now_us: int) -> bool:
    """
    Tell whether a promise is recent, so that its generator is alive, even if the feed is off.

    A promise far in the future was made before the clock was set back.
    """
    return abs(now_us - promised_us) < ATTENDED_US


def recipe_of(row: Feed | SegmentRow) -> Recipe:
    """Return the recipe in a row, its spec as canonical JSON."""
    spec = json.dumps(row.spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Recipe(kind=row.kind, spec=spec, seed=row.seed)


def segment_of(row: SegmentRow) -> Segment:
    """Return a segment row as a segment of a schedule."""
    return Segment(
        recipe=recipe_of(row),
        epoch=row.epoch,
        first=row.first,
        started_us=row.started_us,
        rate_milli=row.rate_milli,
    )


class Catalog:
    """The feeds of the database, as of the last refresh."""

    def __init__(self, database: Worker) -> None:
        """Read in the worker *database*: building a new vocabulary takes about a second."""
        self._database = database
        self._segments: dict[int, list[Segment]] = {}
        self.feeds: Mapping[str, KnownFeed] = {}
        """By name, including those that were removed."""
        self.reachable = True
        """Whether the database answered the last refresh."""

    async def refresh(self) -> bool:
        """Read the feeds again; return False if the database is unavailable."""
        try:
            await self._database.run(self.read)
        except Exception as error:  # noqa: BLE001  any error: serve the last known feeds
            if self.reachable:
                log.warning("the database does not answer (%s); serving the known feeds", error)
            OUTAGES.begin(
                "database",
                Outage(
                    what="The database does not answer",
                    cause=str(error),
                    then="known feeds are still served.",
                ),
            )
            self.reachable = False
        else:
            OUTAGES.end("database")
            self.reachable = True
        return self.reachable

    async def schedule(self, feed: str, last: int) -> Schedule:
        """
        Return the schedule of *feed*, reliable up to offset *last*.

        A segment is written together with the promise of its first offset, so if
        the promise is known, so are its segments. Raises ScheduleUnknownError.
        """
        if self.feeds[feed].promised < last and not await self.refresh():
            raise ScheduleUnknownError
        return self.feeds[feed].schedule

    def read(self) -> None:
        """Read the changes, in this thread; raises the database's errors."""
        rows = list(Feed.objects.all())
        if any(row.name not in self.feeds for row in rows):
            # Building a source may take a second. Meanwhile the promise just read gets old, and
            # its generator would seem stopped. So build first and read again.
            for row in rows:
                self._know(row)
            rows = list(Feed.objects.all())
        unknown = Q(pk=None)
        for row in rows:
            known = self._segments.setdefault(row.pk, [])
            # By offset within each feed, since primary keys may be committed out of order.
            unknown |= Q(feed=row.pk, first__gt=known[-1].first if known else 0)
        for new in SegmentRow.objects.filter(unknown).order_by("first"):
            self._segments[new.feed_id].append(segment_of(new))
        found = {row.name: self._know(row) for row in rows}
        # Keep removed feeds, so that messages already sent can be regenerated and checked.
        gone = {
            name: replace(feed, enabled=False, removed=True)
            for name, feed in self.feeds.items()
            if name not in found
        }
        self.feeds = found | gone

    def _know(self, row: Feed) -> KnownFeed:
        segments = self._segments.get(row.pk, [])
        known = self.feeds.get(row.name)
        if known and known.pk == row.pk and len(known.schedule) == len(segments):
            schedule = known.schedule
        else:
            schedule = Schedule(segments)
        recipe = recipe_of(row)
        try:
            source = source_of(recipe)
            fields, next_epoch = source.fields, source.epoch
        except SpecError:
            fields, next_epoch = (), ""
        return KnownFeed(
            pk=row.pk,
            name=row.name,
            enabled=row.enabled,
            rate=float(row.rate),
            recipe=recipe,
            fields=fields,
            next_epoch=next_epoch,
            promised=row.promised,
            promised_us=row.promised_us,
            schedule=schedule,
        )
