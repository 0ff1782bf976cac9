"""
The feeds as a process knows them: rows, schedules, and their sources.

Everything but `Catalog.refresh` uses the result of the last refresh, so feeds are
served even while the database is unavailable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from feeds.core.schedule import Recipe, Schedule
from feeds.making.diagnosis import Diagnosis, diagnose
from feeds.making.observation import OBSERVER
from feeds.making.ownership import sign_of
from feeds.making.regeneration import ScheduleUnknownError, source_of
from feeds.making.segments import Segments, recipe_of
from feeds.models import Feed
from feeds.running.database import cause_of
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger("feeds.node")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFeed:
    """One feed at the last refresh."""

    pk: int
    name: str
    enabled: bool
    rate: float
    """Messages per second."""
    recipe: Recipe
    """The recipe in the feed's row; the feed's newest segment may have another one."""
    fields: tuple[str, ...]
    """The members of each record; empty if records are not objects."""
    next_epoch: str
    """The epoch of `recipe`; empty if its spec is invalid."""
    promised: int
    schedule: Schedule = field(repr=False)
    reached: int = 0
    """The highest offset ever promised, as far as this process knows."""
    removed: bool = False
    """Whether the feed was removed: then it is switched off for good."""

    def diagnosis(self) -> Diagnosis:
        """Return the feed's condition, as this process has observed it."""
        return diagnose(
            self.name, enabled=self.enabled, promised=self.promised, removed=self.removed
        )

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

    def continues(self, earlier: KnownFeed) -> bool:
        """
        Tell whether this feed has every message that *earlier* had.

        If not, its history was rolled back: the last segment is gone, or the next one
        begins at an offset that was promised in it.
        """
        last = earlier.schedule.last
        if last is None or self.schedule is earlier.schedule:
            return True
        try:
            is_kept = self.schedule.segment(last.first) == last
        except LookupError:
            return False
        return is_kept and self.schedule.end(last) >= earlier.reached


class Catalog:
    """
    The feeds of the database, as of the last refresh.

    A feed whose history was rolled back stays as it was until `accept`, so that
    nobody mixes its messages with those of the new history.
    """

    def __init__(self, database: Worker) -> None:
        """Read in the worker *database*, since building a new vocabulary takes about a second."""
        self._database = database
        self._segments = Segments()
        self.feeds: Mapping[str, KnownFeed] = {}
        """By name, including removed feeds."""
        self.rolled_back: dict[str, KnownFeed] = {}
        """The present state of feeds whose history was rolled back, by name."""
        self.reachable = True
        """Whether the database answered the last refresh."""

    async def refresh(self) -> bool:
        """Read the feeds again; return False if the database is unavailable."""
        try:
            found = await self._database.run(self.read)
        except Exception as error:  # noqa: BLE001  any error: serve the last known feeds
            if self.reachable:
                cause = cause_of(error)
                log.warning("the database does not answer (%s); serving the known feeds", cause)
            OUTAGES.begin(
                "database",
                Outage(
                    what="The database does not answer",
                    cause=cause_of(error),
                    then="known feeds are still served.",
                ),
            )
            self.reachable = False
        else:
            OUTAGES.end("database")
            self.reachable = True
            self.take(found)
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

    def accept(self, feed: str) -> KnownFeed:
        """Return the present state of *feed*, which was rolled back; serve that from now on."""
        now = self.rolled_back.pop(feed)
        self.feeds = {**self.feeds, feed: now}
        return now

    def read(self) -> Sequence[KnownFeed]:
        """Return the feeds in the database, read in this thread; raises its errors."""
        rows = _rows()
        if any(row.name not in self.feeds for row in rows):
            # Building a source may take a second. Meanwhile the promise just read gets old, and
            # messages would be missing. So build first and read again.
            for row in rows:
                _known_feed(row, Schedule())
            rows = _rows()
        schedules = self._segments.read([row.pk for row in rows])
        return [_known_feed(row, schedules[row.pk]) for row in rows]

    def take(self, found: Sequence[KnownFeed]) -> None:
        """Replace the known feeds by the ones *found* in the database, except rolled back feeds."""
        feeds = {}
        for new in found:
            old = self.feeds.get(new.name)
            if old is None or new.continues(old):
                self.rolled_back.pop(new.name, None)
                reached = max(new.promised, old.reached if old else 0)
                feeds[new.name] = replace(new, reached=reached)
            else:
                self.rolled_back[new.name] = replace(new, reached=new.promised)
                feeds[new.name] = old
        # Keep removed feeds, so that messages already sent can be regenerated and checked.
        gone = {
            name: replace(feed, enabled=False, removed=True)
            for name, feed in self.feeds.items()
            if name not in feeds
        }
        self.feeds = feeds | gone


def _rows() -> list[Feed]:
    """Read the rows of all feeds, and observe their owners."""
    with OBSERVER.looking() as found:
        rows = list(Feed.objects.all())
        found |= {row.name: sign_of(row) for row in rows}
    return rows


def _known_feed(row: Feed, schedule: Schedule) -> KnownFeed:
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
        schedule=schedule,
    )
