"""
The last hour, day or week, from the stored samples of all server processes.

A minute in which no server ran is a point without figures, so charts show a
hole instead of bridging it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Aggregate,
    Avg,
    BigIntegerField,
    CharField,
    Count,
    F,
    Max,
    QuerySet,
    Sum,
)
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Substr

from feeds.admin.figures.outages import NOW_SECONDS, Spans, outages
from feeds.admin.figures.points import Point, point_of, running, step_point
from feeds.models import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A period up to now, divided into steps; each step is a point."""

    name: str
    step: timedelta
    step_name: str
    points: int
    label: str
    """The format of a step's start."""
    digest: int = 0
    """The number of leading characters of ``YYYY-MM-DD HH:MM:SS`` by which the database sums up
    samples; 0: they are read one by one."""


SPANS = {
    span.name: span
    for span in (
        Span(name="hour", step=timedelta(minutes=1), step_name="minute", points=60, label="%H:%M"),
        Span(
            name="day",
            step=timedelta(minutes=15),
            step_name="15 minutes",
            points=96,
            label="%H:%M",
            digest=16,
        ),
        Span(
            name="week",
            step=timedelta(hours=2),
            step_name="2 hours",
            points=84,
            label="%d %b %H:%M",
            digest=15,
        ),
    )
}
HOUR = SPANS["hour"]
MOST_SAMPLES = 20_000
"""The most samples or sums read, newest first: an hour of 55 server processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The points of a span, oldest first, and the current figures."""

    span: Span
    starts: list[datetime]
    """The start of each point."""
    points: list[Point]
    now: Point
    blocks: int
    """Blocks stored in the span; of these:"""
    verified: int
    broken: int
    left_out: int
    """Blocks left out of figures of time, not counting blocks of plain clients."""
    plain: int
    """Blocks of plain clients."""
    outages: dict[str, Spans]
    """Per part the periods in which it was unavailable. The time before the first sample does not
    count."""

    @property
    def is_empty(self) -> bool:
        """Whether the span has no figures at all."""
        return all(point.messages is None for point in self.points)


def look_back(now: datetime, span: Span = HOUR, feed: str = "") -> History:
    """
    Read the history of the *span* before *now*, with at most three queries.

    The current step ends where every running server has a sample. With a *feed*,
    messages, sessions and lag of the points cover this feed only; the
    present state and the figures of reports always cover all feeds.
    """
    step = span.step.total_seconds()
    end = datetime.fromtimestamp(now.timestamp() // step * step, now.tzinfo) + span.step
    starts = [end - step * span.step for step in range(span.points, 0, -1)]
    within = Sample.objects.filter(at__gte=starts[0], at__lt=end)
    young = timedelta(seconds=NOW_SECONDS)
    if span.digest:
        samples = _digests(within, span.digest, feed)
        newest = list(within.filter(at__gt=now - young).order_by("-at")[:MOST_SAMPLES])
    else:
        samples = newest = list(within.order_by("-at")[:MOST_SAMPLES])
    marked: Iterable[Sample] = [sample for sample in samples if sample.unavailable]
    if span.digest and marked:
        marked = within.exclude(unavailable="").order_by("-at")[:MOST_SAMPLES]
    found = outages(samples, marked, now)
    drawn = _of_feed(samples, feed) if feed else samples
    told_until = min((sample.at for sample in running(samples)), default=end)
    ended: defaultdict[int, list[Sample]] = defaultdict(list)
    inside: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in drawn:
        final = (sample.at - starts[0]) // span.step
        ended[final].append(sample)
        for place in range(max(0, (sample.began - starts[0]) // span.step), final + 1):
            inside[place].append(sample)
    last = running([one for one in newest if abs(now - one.at) < young])
    return History(
        span=span,
        starts=starts,
        points=[
            step_point(ended[place], inside[place], start, min(start + span.step, told_until))
            for place, start in enumerate(starts)
        ],
        now=point_of(last, [(one, 1 / max(one.seconds, 1e-3)) for one in last]),
        blocks=sum(sample.blocks for sample in samples),
        verified=sum(sample.verified for sample in samples),
        broken=sum(sample.broken for sample in samples),
        left_out=sum(sample.left_out for sample in samples),
        plain=sum(sample.plain for sample in samples),
        outages=found,
    )


def _of_feed(samples: Sequence[Sample], feed: str) -> list[Sample]:
    """Return the *samples* that have figures per feed, each with the figures of *feed*."""
    found = []
    for sample in samples:
        if sample.feeds is not None:
            one = copy(sample)
            one.sessions, one.messages, one.worst_lag = sample.feeds.get(feed, (0, 0, 0))
            found.append(one)
    return found


def _digests(samples: QuerySet[Sample], characters: int, feed: str) -> list[Sample]:
    """
    Return *samples* summed up per server and period, newest first.

    The results are not stored. A week has too many samples to read one by one.
    Figures per feed are those of *feed*.
    """
    # SQLite and PostgreSQL both write a time with the date first, and Django uses UTC in both.
    stretch = Substr(Cast("at", CharField()), 1, characters)
    rows = samples.annotate(stretch=stretch).values("server", "stretch")
    summed = ("seconds", "messages", "blocks", "verified", "broken", "left_out", "plain")
    highest = (
        "at",
        "sessions",
        "worst_lag",
        "overhead_p99",
        "plain_p99",
        "latency_p99",
        "unavailable",
    )
    middle = ("overhead_p50", "plain_p50", "latency_p50")
    figures: dict[str, Aggregate] = {
        f"of_{name}": kind(name)
        for kind, names in ((Sum, summed), (Max, highest), (Avg, middle))
        for name in names
    }
    if feed:
        told = [
            Cast(KeyTextTransform(str(place), KeyTransform(feed, "feeds")), BigIntegerField())
            for place in range(3)
        ]
        figures |= {
            "of_feed_0": Max(told[0], default=0),
            "of_feed_1": Sum(told[1], default=0),
            "of_feed_2": Max(told[2], default=0),
            "of_feeds": Count("feeds"),
        }
    found: Any = rows.annotate(**figures).order_by(F("of_at").desc())[:MOST_SAMPLES]
    return [
        Sample(
            server=row["server"],
            feeds={feed: [row[f"of_feed_{place}"] for place in range(3)]}
            if feed and row["of_feeds"]
            else None,
            **{name: row[f"of_{name}"] for name in (*summed, *highest, *middle)},
        )
        for row in found
    ]
