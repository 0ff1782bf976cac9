"""Which segment a feed goes on with: the last one, or a new one that begins now."""

from __future__ import annotations

from dataclasses import replace

from feeds.core.schedule import Schedule, Segment

OFF_US = 2_000_000
"""Further from its schedule than this, a feed skips time, not offsets: its
generator was stopped, or the clock was set."""


def successor(schedule: Schedule, new: Segment) -> Segment | None:
    """
    Return *new*, which would begin now, with its time; None where the last segment goes on.

    A new one is needed before the first message, where recipe, epoch or rate
    are others than the last segment's, and where that is not on time.
    """
    last = schedule.last
    if last is None:
        return new
    now_us, promised = new.started_us, new.first - 1
    promised_at = schedule.at(promised) if promised else 0
    if promised_at - now_us > OFF_US:
        return new  # the clock was set back: what is promised has the time of one that was wrong
    is_same = (last.recipe, last.epoch, last.rate_milli) == (new.recipe, new.epoch, new.rate_milli)
    if is_same and now_us - last.at(new.first) <= OFF_US:
        return None
    # What is promised keeps its time.
    return replace(new, started_us=max(now_us, promised_at + 1))
