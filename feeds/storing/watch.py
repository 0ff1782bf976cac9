"""The judgement on whether other server processes are alive."""

from __future__ import annotations

from collections.abc import Mapping

from feeds.storing.leases import Sign


class Watch:
    """
    The signs of life that this process has seen, by its own monotonic clock.

    A sign that stays the same for long enough belongs to a dead process, provided that this
    process could store and look without a break: while the database is unavailable to all
    processes, no sign changes.
    """

    def __init__(self, seconds: float, longest_break: float) -> None:
        """Consider a process dead after *seconds*, if no look is later than *longest_break*."""
        self._seconds = seconds
        self._longest_break = longest_break
        self._last = 0.0
        self._seen: dict[str, tuple[Sign, float]] = {}
        """Per process, its sign and the time at which it was first seen."""

    def interrupt(self) -> None:
        """Record that the signs could not be read, and restart the wait for every process."""
        self._seen.clear()

    def dead(self, now: float, signs: Mapping[str, Sign]) -> dict[str, Sign]:
        """Record the *signs* seen at *now*, in seconds; return the signs of dead processes."""
        if now - self._last > self._longest_break:
            self.interrupt()
        self._last = now
        before, self._seen = self._seen, {}
        for server, sign in signs.items():
            known, since = before.get(server, (sign, now))
            self._seen[server] = sign, since if known == sign else now
        return {
            server: sign
            for server, (sign, since) in self._seen.items()
            if now - since >= self._seconds
        }
