"""
The HTTP connections of a server without a complete request, and their number.

A connection is *pending* while it has no complete request: it is new, or idle, or
its request is still arriving. Each costs a file and some memory, so their number is limited. If
there are too many, the one that has waited longest is closed: an innocent client completes its
request within milliseconds. In its first second, a connection is closed only if there are twice
as many, because many clients may connect at the same moment, as after a restart. Connections
whose answer is unread have a separate limit.
"""

from __future__ import annotations

from typing import Protocol

GRACE_SECONDS = 1.0
"""Age in seconds up to which a connection is closed only if there are over twice as many as
allowed."""


class Waiting(Protocol):
    """A pending connection."""

    def give_way(self) -> None:
        """End the connection at once."""


class Pending:
    """The pending connections, the one that has waited longest first."""

    def __init__(self, most: int) -> None:
        """Allow *most* connections."""
        self.most = most
        """Number of connections that may wait for longer than a moment."""
        self._waiting: dict[Waiting, float] = {}
        """The time at which each began to wait."""

    def enter(self, one: Waiting, now: float) -> None:
        """Add *one* at the end, at *now* in seconds; if there are too many, end the first one."""
        self.leave(one)
        self._waiting[one] = now
        if len(self._waiting) > self.most:
            first, since = next(iter(self._waiting.items()))
            if now - since >= GRACE_SECONDS or len(self._waiting) > 2 * self.most:
                self.leave(first)
                first.give_way()

    def leave(self, one: Waiting) -> None:
        """Remove *one*, if it is there."""
        self._waiting.pop(one, None)
