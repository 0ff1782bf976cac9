"""
Detection of stalled connections: slow clients stay, clients that are gone do not.

Progress means that the other end accepts bytes or sends some. A slow client makes little
progress; a client that is gone or hangs makes none. The buffer of the client's kernel blurs the
difference: while the client reads slowly from it, the server sees no progress until much of it
has been read.
"""

from __future__ import annotations

from dataclasses import dataclass

from feeds.core.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The byte counts and state of a connection at one moment."""

    taken: int
    """Bytes that the other end's kernel has confirmed, counted from an arbitrary moment."""
    received: int
    """Bytes received from the other end."""
    in_flight: bool
    """Whether bytes are in flight; if not, the other end's buffer is full."""
    waits: bool
    """Whether any byte is still unconfirmed; if not, there is no progress to make."""


class Patience:
    """A timer of one connection that runs while it makes no progress."""

    __slots__ = ("_heard_at", "_limits", "_received", "_since", "_taken")

    def __init__(self, limits: Limits, traffic: Traffic, now: float) -> None:
        """Begin with *traffic* at *now*, in seconds of a monotonic clock."""
        self._limits = limits
        self._since = now
        self._taken = self._heard_at = traffic.taken
        self._received = traffic.received

    def is_over(self, traffic: Traffic, now: float) -> bool:
        """Tell whether the connection, now at *traffic*, has stalled for too long."""
        if traffic.received != self._received:
            # A client that sends has read its buffer, or is about to.
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
    """A timer of one connection that runs while nothing is sent over it."""

    __slots__ = ("_seconds", "_since", "_taken")

    def __init__(self, seconds: float, traffic: Traffic, now: float) -> None:
        """Begin with *traffic* at *now*, in seconds of a monotonic clock."""
        self._seconds = seconds
        self._since = now
        self._taken = traffic.taken

    def is_over(self, traffic: Traffic, now: float) -> bool:
        """Tell whether something must be sent now; if so, restart the timer."""
        if traffic.taken != self._taken or traffic.waits:
            self._taken = traffic.taken
            self._since = now
        if now - self._since < self._seconds:
            return False
        self._since = now
        return True
