"""Parts of a hub for tests that run it by hand."""

from __future__ import annotations

from feeds.core.hub import Hub
from feeds.core.subscriber import Subscriber


class Recoveries:
    """Recoveries that are only recorded."""

    def __init__(self) -> None:
        self.asked: list[tuple[Subscriber, str]] = []

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """Record the subscriber and the feed whose frames the hub needs."""
        self.asked.append((subscriber, feed))


class ByHand:
    """A pump that runs nothing: the test runs `Hub.turns` itself."""

    def wake(self) -> None:
        """Do nothing."""
