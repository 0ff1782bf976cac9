"""
The ideal time of a block: from when its first message was due to its last.

It comes from the schedule, not from a rate. So it is correct for several feeds,
for a rate that changed inside the block, and for a pause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from clientapp.wire.report import FeedRange
from feeds.core.schedule import MICROSECONDS_PER_1000_S, Schedule

STEADY_US = 2
"""Intended times are whole microseconds, so a range at a steady rate may be off by two."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The ideal time of a block and the rates of its feeds."""

    ideal: float | None = None
    """Seconds from when the first message was due until the last was; None if unknown."""
    rates: Mapping[str, float | None] = field(default_factory=dict)
    """Messages per second of each feed; None: it changed or paused within the block."""


def timing_of(
    ranges: Mapping[str, FeedRange], feeds: Sequence[str], schedules: Mapping[str, Schedule]
) -> Timing:
    """
    Return the timing of a block with *ranges* of a session with *feeds*.

    The ideal is known if every offset of the ranges was received: then the first
    and last message of a range are its ends. Nothing is known if a feed no
    longer has a schedule.
    """
    if not ranges:
        return Timing()
    is_whole = all(
        part.count == part.last - part.first + 1 and not part.gaps for part in ranges.values()
    )
    try:
        firsts = [schedules[feed].at(part.first) for feed, part in ranges.items()]
        end = max(schedules[feed].at(part.last) for feed, part in ranges.items())
        rates = {feed: _rate(schedules[feed], part) for feed, part in ranges.items()}
        for feed in feeds:
            if feed not in rates and (running := schedules[feed].running(end)):
                rates[feed] = running.rate_milli / 1000
    except LookupError:
        return Timing()
    return Timing(ideal=(end - min(firsts)) / 1_000_000 if is_whole else None, rates=rates)


def _rate(schedule: Schedule, part: FeedRange) -> float | None:
    """Return the rate of a range; None if it changed or paused within it."""
    rate = schedule.segment(part.last).rate_milli
    took = schedule.at(part.last) - schedule.at(part.first)
    steady = (part.last - part.first) * MICROSECONDS_PER_1000_S / rate
    return rate / 1000 if abs(took - steady) <= STEADY_US else None
