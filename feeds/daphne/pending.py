"""
The HTTP connections of a server that are not WebSockets, and their number.

A connection is *pending* while it has no complete request: it is new, or idle, or
its request is still arriving. Each costs a file and some memory, whoever it is,
so their number is limited. The one that has waited longest gives way: an
innocent client completes its request within milliseconds.
"""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """A pending connection."""

    def give_way(self) -> None:
        """End the connection at once."""


class Pending:
    """The pending connections, the one that has waited longest first."""

    def __init__(self, most: int) -> None:
        """Allow *most* connections."""
        self._most = most
        self._waiting: dict[Waiting, None] = {}

    def enter(self, one: Waiting) -> None:
        """Add *one* at the end; if there are too many, end the first one."""
        self.leave(one)
        self._waiting[one] = None
        if len(self._waiting) > self._most:
            first = next(iter(self._waiting))
            self.leave(first)
            first.give_way()

    def leave(self, one: Waiting) -> None:
        """Remove *one*, if it is there."""
        self._waiting.pop(one, None)
