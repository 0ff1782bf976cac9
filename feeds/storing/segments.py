"""
The stored schedules of feeds, for storing reports.

Segments never change, so each is read once. If a segment is missing or differs from
what was read, the database was replaced: then all are read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Q

from feeds.core.schedule import Schedule, Segment
from feeds.making.catalog import segment_of
from feeds.models import Feed
from feeds.models import Segment as SegmentRow


class Segments:
    """The segments read so far; used by one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[int, list[Segment]] = {}

    def schedules(self, feeds: Collection[str]) -> Mapping[str, Schedule]:
        """
        Return the current schedules of *feeds*, using two queries.

        Removed feeds are left out. Raises the database's errors.
        """
        keys = dict(Feed.objects.filter(name__in=feeds).values_list("name", "pk"))
        if not self._read(keys.values()):
            self._known.clear()
            self._read(keys.values())
        return {name: Schedule(self._known.get(key, ())) for name, key in keys.items()}

    def _read(self, keys: Collection[int]) -> bool:
        """Read new segments of each feed; return False if the last known one is missing."""
        wanted = Q(pk=None)
        ends = {key: self._known[key][-1] for key in keys if self._known.get(key)}
        for key in keys:
            # Read the last known segment again: if it is unchanged, so are the earlier ones.
            wanted |= Q(feed=key, first__gte=ends[key].first if key in ends else 0)
        found: dict[int, list[Segment]] = {}
        for row in SegmentRow.objects.filter(wanted).order_by("first"):
            found.setdefault(row.feed_id, []).append(segment_of(row))
        for key, end in ends.items():
            if found.get(key, [None])[0] != end:
                return False
        for key, new in found.items():
            self._known[key] = [*self._known.get(key, [])[:-1], *new]
        return True
