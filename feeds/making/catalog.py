"""
The feeds as a process knows them: rows, schedules, and their sources.

Everything but `Catalog.refresh` uses what the last refresh found, so feeds are
served while the database is unavailable.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.db.models import Prefetch, Q

from feeds.core import notices
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.making.regeneration import UnknownYetError, source_of
from feeds.models import Feed
from feeds.models import Segment as SegmentRow
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger("feeds.node")

ATTENDED_US = 3_000_000
"""A generator is at work if its promise is younger: three times as long as one lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOverview:
    """One feed in a few words, for people."""

    pk: int
    name: str
    kind: str
    rate: float
    """Messages per second."""
    enabled: bool
    running: bool
    head: int
    """The last offset whose time has come; 0: none yet."""
    promised: int
    """The last offset that was promised; 0: no generator ever had the feed."""
    promised_us: int
    """When its generator last promised; 0: never, or it stopped cleanly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFeed:
    """One feed at the last refresh."""

    pk: int
    name: str
    enabled: bool
    rate: float
    """Messages per second."""
    recipe: Recipe
    """What the feed is to be made from; its newest segment may differ."""
    fields: tuple[str, ...]
    """The members of each record; empty where records are not objects."""
    next_epoch: str
    """The epoch of `recipe`; empty where its spec is wrong."""
    promised: int
    promised_us: int
    schedule: Schedule = field(repr=False)
    removed: bool = False
    """Whether it is no more: then it is switched off for good."""

    def running(self, now_us: int) -> bool:
        """Tell whether a generator is at work on the feed."""
        return self.enabled and is_attended(self.promised_us, now_us)

    def sentence(self, now_us: int) -> str:
        """Return what it does, and where it does nothing, what to do."""
        if self.removed:
            return notices.removed(self.name)
        if not self.enabled:
            return notices.switched_off(self.name)
        return (notices.running if self.running(now_us) else notices.not_running)(self.name)

    def head(self, now_us: int) -> int:
        """Return the last offset that is promised and due; 0: none."""
        return self.schedule.due(now_us, self.promised)

    def epoch_at(self, offset: int) -> str:
        """Return the epoch of *offset*, which may lie ahead."""
        if self.schedule.last is None:
            return self.next_epoch
        try:
            return self.schedule.segment(offset).epoch
        except LookupError:
            return self.schedule.last.epoch


def is_attended(promised_us: int, now_us: int) -> bool:
    """
    Tell whether a promise is so young that its generator lives, also of a feed that is off.

    One that lies far ahead was made before the clock was set back.
    """
    return abs(now_us - promised_us) < ATTENDED_US


def recipe_of(row: Feed | SegmentRow) -> Recipe:
    """Return the recipe in a row, its spec as canonical JSON."""
    spec = json.dumps(row.spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Recipe(kind=row.kind, spec=spec, seed=row.seed)


def segment_of(row: SegmentRow) -> Segment:
    """Return a segment row as the schedule wants it."""
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
        """Read by *database*: building a new vocabulary takes about a second."""
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
        except Exception as error:  # noqa: BLE001  whatever it is, what is known is served
            if self.reachable:
                log.warning("the database does not answer (%s); serving what is known", error)
            OUTAGES.begin(
                "database",
                Outage(
                    what="The database does not answer",
                    cause=str(error),
                    then="what is known is served.",
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

        A segment is written together with the promise of its first offset, so
        whoever knows the promise knows the segments. Raises UnknownYetError.
        """
        if self.feeds[feed].promised < last and not await self.refresh():
            raise UnknownYetError
        return self.feeds[feed].schedule

    def read(self) -> None:
        """Read what changed, in this thread; raises what the database raises."""
        rows = list(Feed.objects.all())
        if any(row.name not in self.feeds for row in rows):
            # A source may take a second to build, in which the promise just read grows old, and
            # its generator would seem gone.
            for row in rows:
                self._know(row)
            rows = list(Feed.objects.all())
        unknown = Q(pk=None)
        for row in rows:
            known = self._segments.setdefault(row.pk, [])
            # By offset, in each feed: keys of different feeds may be committed out of order.
            unknown |= Q(feed=row.pk, first__gt=known[-1].first if known else 0)
        for new in SegmentRow.objects.filter(unknown).order_by("first"):
            self._segments[new.feed_id].append(segment_of(new))
        found = {row.name: self._know(row) for row in rows}
        # What was sent of a feed that is no more can still be told and made again.
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


def overview(now_us: int) -> list[FeedOverview]:
    """Read all feeds for people, as of *now_us*."""
    rows = Feed.objects.prefetch_related(
        # The head lies in one of the last two segments.
        Prefetch("segments", SegmentRow.objects.order_by("-first")[:2], to_attr="newest")
    )
    return [
        FeedOverview(
            pk=row.pk,
            name=row.name,
            kind=row.kind,
            rate=float(row.rate),
            enabled=row.enabled,
            running=row.enabled and is_attended(row.promised_us, now_us),
            head=Schedule([segment_of(one) for one in row.newest]).due(now_us, row.promised),
            promised=row.promised,
            promised_us=row.promised_us,
        )
        for row in rows
    ]
