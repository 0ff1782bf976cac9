"""Summaries of feeds, for the page and the admin."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch

from feeds.core.schedule import Schedule
from feeds.making.diagnosis import Diagnosis, diagnose
from feeds.making.observation import OBSERVER
from feeds.making.ownership import sign_of
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
    diagnosis: Diagnosis
    head: int
    """The last offset that is due; 0: none yet."""
    promised: int
    """The last offset that was promised; 0: the feed never had a generator."""

    @property
    def running(self) -> bool:
        """Whether messages arrive."""
        return self.diagnosis.is_running


def summaries(now_us: int) -> list[FeedSummary]:
    """Read summaries of all feeds, as of *now_us*."""
    wanted = Feed.objects.prefetch_related(
        # The head is in one of the last two segments.
        Prefetch("segments", SegmentRow.objects.order_by("-first")[:2], to_attr="newest")
    )
    with OBSERVER.looking() as found:
        rows = list(wanted)
        found |= {row.name: sign_of(row) for row in rows}
    return [
        FeedSummary(
            pk=row.pk,
            name=row.name,
            kind=row.kind,
            rate=float(row.rate),
            enabled=row.enabled,
            diagnosis=diagnose(row.name, enabled=row.enabled, promised=row.promised),
            head=Schedule([segment_of(one) for one in row.newest]).due(now_us, row.promised),
            promised=row.promised,
        )
        for row in rows
    ]
