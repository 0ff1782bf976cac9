"""
When a connection has stalled: who is slow, and who is gone.

Progress is what the other end takes, and whatever comes from it. A slow end
makes little, one that is gone or hangs makes none. Between the two stands the
buffer of the other end's kernel: what it took may be read slowly, and until
much of it has been read, nothing of that is seen here.
"""

from __future__ import annotations

from dataclasses import dataclass

from feeds.core.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a connection has moved until now."""

    taken: int
    """Bytes that the other end's kernel has confirmed, counted from anywhere."""
    received: int
    """Bytes that came from the other end."""
    in_flight: bool
    """Whether bytes are under way; without, it is full and lets none come."""
    waits: bool
    """Whether any byte has not been taken; else no progress is to be made."""


class Patience:
    """How long one connection has made no progress."""

    __slots__ = ("_heard_at", "_limits", "_received", "_since", "_taken")

    def __init__(self, limits: Limits, traffic: Traffic, now: float) -> None:
        """Begin with *traffic* at *now*, in seconds of a monotonic clock."""
        self._limits = limits
        self._since = now
        self._taken = self._heard_at = traffic.taken
        self._received = traffic.received

    def is_over(self, traffic: Traffic, now: float) -> bool:
        """Look at the connection; tell whether it has stalled for too long."""
        if traffic.received != self._received:
            # Who speaks has read what there was, or means to.
            self._received = traffic.received
            self._heard_at = traffic.taken
            self._since = now
        if traffic.taken != self._taken or not traffic.waits:
            self._taken = traffic.taken
            self._since = now
        return now - self._since >= self._seconds(traffic)

    def _seconds(self, traffic: Traffic) -> float:
        if traffic.in_flight:
            return self._limits.stall_seconds
        unread = min(traffic.taken - self._heard_at, self._limits.unread_bytes)
        return self._limits.stall_seconds + unread / self._limits.slowest_rate


class Silence:
    """How long nothing was sent over one connection."""

    __slots__ = ("_seconds", "_since", "_taken")

    def __init__(self, seconds: float, traffic: Traffic, now: float) -> None:
        """Begin with *traffic* at *now*, in seconds of a monotonic clock."""
        self._seconds = seconds
        self._since = now
        self._taken = traffic.taken

    def is_over(self, traffic: Traffic, now: float) -> bool:
        """Look at the connection; tell whether something must be sent now, and begin anew then."""
        if traffic.taken != self._taken or traffic.waits:
            self._taken = traffic.taken
            self._since = now
        if now - self._since < self._seconds:
            return False
        self._since = now
        return True
