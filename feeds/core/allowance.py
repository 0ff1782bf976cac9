"""
Allowances: how much one client may send, now and in the long run.

An allowance grows at a rate, up to a maximum; everything that the client sends spends some of it.
The last item may overdraw it; then the client must wait until it has grown again.
"""

from __future__ import annotations


class Allowance:
    """An amount that grows with time, in any unit."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float, now: float) -> None:
        """Begin with *most*, and grow by *rate* per second from *now*."""
        self._rate = rate
        self._most = most
        self._left = most
        self._at = now

    def spend(self, amount: float, now: float) -> float:
        """Spend *amount*, even if there is less; return what is left, negative if overdrawn."""
        left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now
        self._left = left - amount
        return self._left

    def take(self, amount: float, now: float) -> bool:
        """Spend *amount* and return True; if less is left, spend nothing and return False."""
        if self.spend(0, now) < amount:
            return False
        self._left -= amount
        return True

    def wait(self, now: float) -> float:
        """Return the seconds until nothing is overdrawn; 0 if nothing is."""
        left = self._left + (now - self._at) * self._rate
        return max(0.0, -left / self._rate)
