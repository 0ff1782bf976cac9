"""
The times at which something was unavailable, according to stored samples.

In a time without any sample, no server process was running. A sample names the
parts that did not work at some time of its ten seconds. So an outage of a part is
accurate to ten seconds, and is never shorter than one sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from feeds import show
from feeds.models import Sample

OUTAGE_SECONDS = 20
"""A longer time without any sample is an outage: two samples are missing at least."""
NOW_SECONDS = 30
"""A sample younger than three sampling periods counts as the present state."""
GRACE_SECONDS = 1
"""A sample may be late by this much; no restart of a server takes less time."""
MOST_OUTAGES = 5
"""The most outages of one kind that are listed with their times."""
SERVER = "server"
SENTENCES = {
    SERVER: "No server process was running",
    "layer": "The channel layer was unavailable",
    "database": "The database was unavailable",
    "recorder": "Reports could not be stored",
    "clerk": "The process that stores reports did not answer",
    "maker": "The process that regenerates old messages did not answer",
    "disk": "The disk was nearly full",
}
"""Sentences about the outages of each part."""
LINES = {
    SERVER: "no server",
    "layer": "no channel layer",
    "database": "no database",
    "recorder": "reports wait",
    "clerk": "clerk hangs",
    "maker": "maker hangs",
    "disk": "disk nearly full",
}
"""Names of the lines in the chart, by part."""

Spans = list[tuple[datetime, datetime]]
"""Beginnings and ends, the newest first."""


def outages(samples: Sequence[Sample], marked: Iterable[Sample], now: datetime) -> dict[str, Spans]:
    """
    Return the outages of each part that had any.

    *samples* may be sums. *marked* are the samples of the same period that name
    unavailable parts; none of them is a sum.
    """
    found = {SERVER: _without_server(samples, now)}
    for one in sorted(marked, key=attrgetter("began")):
        for part in one.unavailable.split():
            _extend(found.setdefault(part, []), one.began, one.at)
    return {part: spans[::-1] for part, spans in found.items() if spans}


def within(spans: Spans, start: datetime, end: datetime) -> float:
    """Return the seconds of *spans* that lie between *start* and *end*."""
    inside = (min(b, end) - max(a, start) for a, b in spans)
    return sum(max(part.total_seconds(), 0.0) for part in inside)


def sentences(found: dict[str, Spans]) -> str:
    """Return sentences that say when something was unavailable, or that nothing was."""
    if not found:
        return (
            "No outage: since the first sample, a server process was always running, and the "
            "channel layer and the database were always available."
        )
    return " ".join(_sentence(SENTENCES.get(part, part), spans) for part, spans in found.items())


def _sentence(what: str, spans: Spans) -> str:
    gone = timedelta(seconds=round(sum((b - a).total_seconds() for a, b in spans)))
    said = [f"{show.moment(a)} to {show.moment(b)}" for a, b in spans[:MOST_OUTAGES]]
    more = ", newest first" if len(spans) > MOST_OUTAGES else ""
    times = show.count(len(spans), "time")
    return f"{what} {times}, {gone} in all (UTC{more}): {'; '.join(said)}."


def _without_server(samples: Sequence[Sample], now: datetime) -> Spans:
    """Return the gaps between *samples*, and up to *now*."""
    found: Spans = []
    reached: datetime | None = None
    least = timedelta(seconds=OUTAGE_SECONDS)
    for sample in sorted(samples, key=attrgetter("began")):
        if reached is not None and sample.began - reached > least:
            found.append((reached, sample.began))
        reached = sample.at if reached is None else max(reached, sample.at)
    if reached is not None and now - reached > timedelta(seconds=NOW_SECONDS):
        found.append((reached, now))
    return found


def _extend(spans: Spans, start: datetime, end: datetime) -> None:
    """Add a period to the sorted *spans*; if it is close to the last span, prolong that span."""
    if spans and start - spans[-1][1] <= timedelta(seconds=GRACE_SECONDS):
        spans[-1] = spans[-1][0], max(spans[-1][1], end)
    else:
        spans.append((start, end))
