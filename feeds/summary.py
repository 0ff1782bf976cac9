"""Summaries of feeds, for the page and the admin."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch

from feeds.core.schedule import Schedule
from feeds.making.catalog import is_attended
from feeds.making.segments import segment_of
from feeds.models import Feed
from feeds.models import Segment as SegmentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSummary:
    """A summary of one feed, for people."""

    pk: int
    name: str
    kind: str
    rate: float
    """Messages per second."""
    enabled: bool
    running: bool
    head: int
    """The last offset that is due; 0: none yet."""
    promised: int
    """The last offset that was promised; 0: the feed never had a generator."""
    promised_us: int
    """The time of its generator's last promise; 0: none, or the generator stopped cleanly."""


def summaries(now_us: int) -> list[FeedSummary]:
    """Read summaries of all feeds, as of *now_us*."""
    rows = Feed.objects.prefetch_related(
        # The head is in one of the last two segments.
        Prefetch("segments", SegmentRow.objects.order_by("-first")[:2], to_attr="newest")
    )
    return [
        FeedSummary(
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
