"""The choice between continuing a feed's last segment and beginning a new one."""

from __future__ import annotations

from dataclasses import replace

from feeds.core.schedule import Schedule, Segment

OFF_US = 2_000_000
"""A feed further than this from its schedule skips time, not offsets: its
generator was stopped, or the clock was set."""


def successor(schedule: Schedule, new: Segment) -> Segment | None:
    """
    Return *new* with its start time; None if the last segment continues.

    *new* would begin now. It is needed before the first message, if its recipe,
    epoch or rate differ from the last segment's, or if the last segment is not on time.
    """
    last = schedule.last
    if last is None:
        return new
    now_us, promised = new.started_us, new.first - 1
    promised_at = schedule.at(promised) if promised else 0
    if promised_at - now_us > OFF_US:
        return new  # the clock was set back: the promised times come from a wrong clock
    is_same = (last.recipe, last.epoch, last.rate_milli) == (new.recipe, new.epoch, new.rate_milli)
    if is_same and now_us - last.at(new.first) <= OFF_US:
        return None
    # Promised messages keep their time.
    return replace(new, started_us=max(now_us, promised_at + 1))
