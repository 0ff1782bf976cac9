"""The end of connections that newer ones of their sessions have replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from channels.layers import BaseChannelLayer

from feeds.running.timelimit import at_most


class Replacer:
    """Tells consumers, here or in another process, that they were replaced."""

    def __init__(self, layer: BaseChannelLayer, seconds: float) -> None:
        """Give up a message after *seconds*: presence repeats it."""
        self._layer = layer
        self._seconds = seconds
        self._sending: set[asyncio.Task[None]] = set()
        """Keeps tasks alive that nobody waits for."""

    def end(self, channels: Iterable[str]) -> None:
        """End the connections of the consumers at *channels*, without waiting for it."""
        for channel in channels:
            message = self._layer.send(channel, {"type": "session.replaced"})
            task = asyncio.ensure_future(at_most(self._seconds, message))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
