"""How steadily a process keeps the books of who is alive."""

from __future__ import annotations


class Books:
    """Whether this process has kept its books without a break for long enough."""

    def __init__(self, seconds: float, longest_break: float) -> None:
        self._seconds = seconds
        self._longest_break = longest_break
        self._since: float | None = None
        self._last = 0.0

    def interrupt(self) -> None:
        """Note that the books could not be kept."""
        self._since = None

    def are_steady(self, now: float) -> bool:
        """Note that they were kept at *now*; tell whether that is so for long."""
        if self._since is None or now - self._last > self._longest_break:
            self._since = now
        self._last = now
        return now - self._since >= self._seconds
