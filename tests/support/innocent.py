"""A client that measures how late its messages are, beside something that may delay them."""

from __future__ import annotations

import time
from typing import Any

from tests.support.crowd import Follower


class Innocent(Follower):
    """A client that keeps the lateness of each message, and the longest silence, in seconds."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(port, number, "arrays")
        self.latenesses: list[float] = []
        self.silence = 0.0
        self._heard = time.monotonic()

    def begin(self) -> None:
        """Forget the measurements so far."""
        self.latenesses.clear()
        self.silence = 0.0
        self._heard = time.monotonic()

    def end(self) -> None:
        """Count the silence since the last message."""
        now = time.monotonic()
        self.silence = max(self.silence, now - self._heard)
        self._heard = now

    def _take(self, obj: dict[str, Any]) -> None:
        super()._take(obj)
        if obj["type"] == "message":
            self.end()
            self.latenesses.append(self.late)
