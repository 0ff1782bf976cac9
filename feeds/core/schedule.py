"""
Schedules: the intended time of each offset.

Times are integer microseconds since 1970, rates integer messages per 1,000
seconds, so that every process always computes the same intended time for a
message.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clientapp.wire.position import MAX_OFFSET

MICROSECONDS_PER_1000_S = 10**9


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arguments of a source; equal recipes make equal records."""

    kind: str
    spec: str
    """The spec as canonical JSON: keys sorted, no spaces."""
    seed: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a feed with one recipe and one rate."""

    recipe: Recipe
    epoch: str
    """The recipe's name; it also changes if a library changes the records."""
    first: int
    """The first offset of the segment."""
    started_us: int
    """The intended time of the first message."""
    rate_milli: int
    """Messages per 1,000 seconds, at least 1."""

    def at(self, offset: int) -> int:
        """Return the intended time of *offset*, which must belong to the segment."""
        return self.started_us + (offset - self.first) * MICROSECONDS_PER_1000_S // self.rate_milli

    def due(self, now_us: int) -> int:
        """
        Return the last offset whose time has come at *now_us*.

        That is ``first - 1`` before the segment's start.
        """
        if now_us < self.started_us:
            return self.first - 1
        # The inverse of `at`: the largest n with n * 10**9 // rate <= elapsed.
        elapsed = now_us - self.started_us
        steps = ((elapsed + 1) * self.rate_milli - 1) // MICROSECONDS_PER_1000_S
        return self.first + steps


class Schedule:
    """The segments of one feed, in the order of their first offsets."""

    def __init__(self, segments: Sequence[Segment] = ()) -> None:
        self._segments = sorted(segments, key=lambda segment: segment.first)
        self._firsts = [segment.first for segment in self._segments]
        pairs = pairwise([None, *self._segments])
        self.turns = {
            new.first: new.epoch
            for old, new in pairs
            if new is not None and (old is None or new.epoch != old.epoch)
        }
        """The epoch that begins at each of these offsets. The oldest is included: a client that
        connected before the feed first ran may have been told a different epoch."""

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self._segments)

    @property
    def first(self) -> Segment | None:
        """The oldest segment; None before the feed ever ran."""
        return self._segments[0] if self._segments else None

    @property
    def last(self) -> Segment | None:
        """The newest segment; None before the feed ever ran."""
        return self._segments[-1] if self._segments else None

    def segment(self, offset: int) -> Segment:
        """Return the segment that holds *offset*; raises LookupError."""
        index = bisect_right(self._firsts, offset) - 1
        if index < 0:
            raise LookupError(f"no segment holds offset {offset}")
        return self._segments[index]

    def part(self, first: int, last: int) -> Schedule:
        """
        Return the segments needed to make the offsets *first* to *last*.

        The preceding segment is included, to tell whether an epoch begins.
        """
        start = max(bisect_right(self._firsts, first) - 2, 0)
        return Schedule(self._segments[start : bisect_right(self._firsts, last) + 1])

    def end(self, segment: Segment) -> int:
        """Return the last offset that *segment* may hold; the newest has no end."""
        index = bisect_right(self._firsts, segment.first)
        return self._firsts[index] - 1 if index < len(self._firsts) else MAX_OFFSET

    def at(self, offset: int) -> int:
        """Return the intended time of *offset*; raises LookupError."""
        return self.segment(offset).at(offset)

    def running(self, at_us: int) -> Segment | None:
        """Return the segment that applied at *at_us*; None: no segment had begun."""
        begun = (one for one in reversed(self._segments) if one.started_us <= at_us)
        return next(begun, None)

    def due(self, now_us: int, promised: int) -> int:
        """Return the last offset that is both promised and due."""
        for segment in reversed(self._segments):
            if now_us >= segment.started_us:
                return min(segment.due(now_us), self.end(segment), promised)
        return 0
