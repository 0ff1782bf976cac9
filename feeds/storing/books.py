"""How steadily a process keeps the books of who is alive."""

from __future__ import annotations

SET_SECONDS = 2.0
"""Two clocks that part by more than this between two looks: one was set."""


class Books:
    """Whether this process has kept its books without a break for long enough."""

    def __init__(self, seconds: float, longest_break: float) -> None:
        self._seconds = seconds
        self._longest_break = longest_break
        self._since: float | None = None
        self._last = 0.0
        self._wall = 0.0

    def interrupt(self) -> None:
        """Note that the books could not be kept."""
        self._since = None

    def are_steady(self, now: float, wall: float) -> bool:
        """
        Note that they were kept at *now*; tell whether that is so for long.

        *wall* is the time that is written into the books: where that clock was
        set, what others wrote before looks old, or as if it were to come.
        """
        passed = now - self._last
        is_set = abs(wall - self._wall - passed) > SET_SECONDS
        if self._since is None or passed > self._longest_break or is_set:
            self._since = now
        self._last, self._wall = now, wall
        return now - self._since >= self._seconds
