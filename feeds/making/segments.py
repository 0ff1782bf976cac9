"""
The stored schedules of feeds.

Segments never change, so each is read once. If a segment is missing, or differs from the one read
before, the history of its feed was rolled back: then all of its segments are read again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from django.db.models import Q

from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.models import Feed
from feeds.models import Segment as SegmentRow


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


class Segments:
    """The segments read so far; used by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[int, list[Segment]] = {}
        self._schedules: dict[int, Schedule] = {}
        """By the primary key of the feed; the same object as long as it is unchanged."""

    def schedules(self, feeds: Collection[str]) -> Mapping[str, Schedule]:
        """
        Return the current schedules of *feeds*, using two queries.

        Removed feeds are left out. Raises the database's errors.
        """
        keys = dict(Feed.objects.filter(name__in=feeds).values_list("name", "pk"))
        found = self.read(keys.values())
        return {name: found[key] for name, key in keys.items()}

    def read(self, keys: Collection[int]) -> Mapping[int, Schedule]:
        """
        Return the current schedule of each feed in *keys*, by its primary key.

        Uses one query, or two after a rollback. Raises the database's errors.
        """
        lost = self._read(keys)
        if lost:
            for key in lost:
                del self._known[key], self._schedules[key]
            self._read(lost)
        return {key: self._schedules.setdefault(key, Schedule()) for key in keys}

    def _read(self, keys: Collection[int]) -> set[int]:
        """Read new segments of each feed; return the feeds whose last known segment is gone."""
        wanted = Q(pk=None)
        ends = {key: self._known[key][-1] for key in keys if key in self._known}
        for key in keys:
            # Read the last known segment again: if it is unchanged, so are the earlier ones.
            wanted |= Q(feed=key, first__gte=ends[key].first if key in ends else 0)
        found: dict[int, list[Segment]] = {}
        # By offset within each feed, since primary keys may be committed out of order.
        for row in SegmentRow.objects.filter(wanted).order_by("first"):
            found.setdefault(row.feed_id, []).append(segment_of(row))
        lost = {key for key, end in ends.items() if found.get(key, [None])[0] != end}
        for key, new in found.items():
            if key not in lost and (key not in ends or len(new) > 1):
                self._known[key] = [*self._known.get(key, [])[:-1], *new]
                self._schedules[key] = Schedule(self._known[key])
        return lost
