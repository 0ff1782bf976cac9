"""Messages that end connections replaced by newer connections of the same sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from channels.layers import BaseChannelLayer

from feeds.running.timelimit import at_most


class Replacer:
    """Tells consumers, in this or another process, that they were replaced."""

    def __init__(self, layer: BaseChannelLayer, seconds: float) -> None:
        """Give up sending after *seconds*; `Presence` sends the message again."""
        self._layer = layer
        self._seconds = seconds
        self._sending: set[asyncio.Task[None]] = set()
        """Keeps references to tasks that nobody awaits."""

    def end(self, channels: Iterable[str]) -> None:
        """End the connections of the consumers at *channels*, without waiting."""
        for channel in channels:
            message = self._layer.send(channel, {"type": "session.replaced"})
            task = asyncio.ensure_future(at_most(self._seconds, message))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
