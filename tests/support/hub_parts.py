"""Parts of a hub for tests that run it by hand."""

from __future__ import annotations

from feeds.core.hub import Hub
from feeds.core.subscriber import Subscriber


class Recoveries:
    """Remembers the recoveries that a hub asks for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Subscriber, str]] = []

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """Remember whose frames of which feed are to be regenerated."""
        self.asked.append((subscriber, feed))


class ByHand:
    """A pump that runs nothing: the test does, by `Hub.turns`."""

    def wake(self) -> None:
        """Do nothing."""
