"""
The budget of a connection: what its client may send, whatever the frames contain.

Every frame costs time, even one without content. A client that is over its budget
must wait: the server does not read from it, so TCP holds it back. Only for frames without content
(pings, pongs and empty fragments) is a client disconnected. A client that sends reports only has
to wait, however many it has.
"""

from __future__ import annotations

from feeds.core.allowance import Allowance
from feeds.core.limits import Limits

HEADER_BYTES = 6
"""The fewest bytes of a frame besides its content."""


class Budget:
    """The amounts that a client may still send; times are seconds of a monotonic clock."""

    __slots__ = ("_bytes", "_empty", "_enough", "_flood", "_frames", "is_flooded")

    def __init__(self, limits: Limits, now: float) -> None:
        """Begin with everything that the *limits* allow at once."""
        self._frames = Allowance(limits.frame_rate, limits.frame_burst, now)
        self._bytes = Allowance(limits.byte_rate, limits.byte_burst, now)
        self._empty = Allowance(limits.empty_rate, limits.empty_burst, now)
        self._enough = limits.empty_burst / 2
        self._flood = Allowance(limits.empty_rate / 5, limits.flood_frames, now)
        self.is_flooded = False
        """Whether the client is so far over its budget that it must be disconnected."""

    def spend(self, size: int, now: float, *, carries: bool) -> None:
        """Charge for a frame of *size* bytes; *carries*: whether it has a part of a message."""
        self._frames.spend(1, now)
        self._bytes.spend(size + HEADER_BYTES, now)
        # A client that sends fewer than `empty_rate` a second keeps more than half.
        if not carries and self._empty.spend(1, now) < self._enough:
            self.is_flooded = self._flood.spend(1, now) < 0

    def wait(self, now: float) -> float:
        """Return the seconds that the client must wait before more is read; 0 if none."""
        return max(one.wait(now) for one in (self._frames, self._bytes, self._empty))
