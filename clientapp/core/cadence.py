"""
The rate of each feed of a session, by the intended times of its messages.

The welcome names a rate, but no frame announces that an operator changed it.
The intended times show it, to the microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MICROSECONDS_PER_1000_S = 10**9
"""Rates are whole messages per 1,000 seconds, as in the server."""


@dataclass(slots=True)
class _Stretch:
    """The messages of one feed in one block."""

    first: tuple[int, int]
    """Offset and intended time."""
    last: tuple[int, int]
    least: float = float("inf")
    """The shortest and the longest time from one message to the next, in microseconds."""
    most: float = 0.0


class Cadence:
    """The rates of a session's feeds, block by block."""

    def __init__(self) -> None:
        self._rates: dict[str, int] = {}
        """Messages per 1,000 s, as far as they are known."""
        self._last: dict[str, tuple[int, int]] = {}
        """Offset and intended time of the last message of each feed."""
        self._stretches: dict[str, _Stretch] = {}

    def begin(self, rates: Mapping[str, float]) -> None:
        """Set the *rates*, from a welcome."""
        self._rates = {feed: round(rate * 1000) for feed, rate in rates.items()}

    def take(self, feed: str, offset: int, at: int) -> None:
        """Add the next message of the block."""
        here = (offset, at)
        stretch = self._stretches.get(feed)
        if stretch is None:
            self._stretches[feed] = _Stretch(here, here)
            self._guess(feed, here)
        elif offset > stretch.last[0]:
            step = (at - stretch.last[1]) / (offset - stretch.last[0])
            stretch.least, stretch.most = min(stretch.least, step), max(stretch.most, step)
            stretch.last = here
        self._last[feed] = here

    def finish(self) -> dict[str, float | None]:
        """End the block; return its rates, None for one that changed or paused within it."""
        changed = set()
        for feed, stretch in self._stretches.items():
            if stretch.last == stretch.first:
                continue
            rate = self._rate(feed, stretch.first, stretch.last)
            if rate is None or stretch.most - stretch.least > 1:
                changed.add(feed)
            else:
                self._rates[feed] = rate
        self._stretches.clear()
        return {
            feed: None if feed in changed else rate / 1000 for feed, rate in self._rates.items()
        }

    def _guess(self, feed: str, here: tuple[int, int]) -> None:
        """Infer the rate from the step before the block, if a rate explains it."""
        before = self._last.get(feed)
        if before is not None and here[0] > before[0]:
            self._rates[feed] = self._rate(feed, before, here) or self._rates.get(feed, 0)

    def _rate(self, feed: str, begin: tuple[int, int], end: tuple[int, int]) -> int | None:
        """
        Return the rate that explains the time between two messages, or None.

        That is the known rate if it explains the time, otherwise the roundest one that
        explains it.
        """
        # Each intended time is rounded down, so the true span is within a microsecond of this.
        count, span = (end[0] - begin[0]) * MICROSECONDS_PER_1000_S, end[1] - begin[1]
        if span <= 1:
            return self._rates.get(feed)
        low, high = -(-count // (span + 1)), count // (span - 1)
        if low <= self._rates.get(feed, 0) <= high:
            return self._rates[feed]
        return _roundest(low, high) if low <= high else None


def _roundest(low: int, high: int) -> int:
    """Return the number from *low* to *high* with the most zeros at its end."""
    unit = 1
    while high // (unit * 10) * unit * 10 >= low:
        unit *= 10
    return high // unit * unit
