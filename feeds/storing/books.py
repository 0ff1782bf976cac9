"""Whether a process has marked its connections as alive without a break."""

from __future__ import annotations

SET_SECONDS = 2.0
"""If the two clocks' progress differs by more than this, the wall clock was set."""


class Books:
    """A record of how long this process has marked its connections without a break."""

    def __init__(self, seconds: float, longest_break: float) -> None:
        self._seconds = seconds
        self._longest_break = longest_break
        self._since: float | None = None
        self._last = 0.0
        self._wall = 0.0

    def interrupt(self) -> None:
        """Note that the connections could not be marked."""
        self._since = None

    def are_steady(self, now: float, wall: float) -> bool:
        """
        Note that they were marked at *now*; tell whether there was no break for long enough.

        *wall* is the time that was stored. If that clock was set, times stored by
        other processes seem old, or in the future. This counts as a break.
        """
        passed = now - self._last
        is_set = abs(wall - self._wall - passed) > SET_SECONDS
        if self._since is None or passed > self._longest_break or is_set:
            self._since = now
        self._last, self._wall = now, wall
        return now - self._since >= self._seconds
