"""The pump: runs the turns of a hub on the event loop, leaving room for other work."""

from __future__ import annotations

import asyncio
import logging
import time

from feeds.core.hub import Hub

log = logging.getLogger("feeds.node")


class Pump:
    """Runs a hub whenever it has work."""

    def __init__(self, turn_seconds: float) -> None:
        """Let other tasks run after each *turn_seconds* of work."""
        self._turn_seconds = turn_seconds
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Record that the hub has work."""
        self._work.set()

    async def run(self, hub: Hub) -> None:
        """Run the turns of *hub* until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            began = time.monotonic()
            try:
                for _ in hub.turns():
                    if time.monotonic() - began >= self._turn_seconds:
                        await asyncio.sleep(0)
                        began = time.monotonic()
            except Exception:
                log.exception("a turn of the hub failed; the others continue")
                self._work.set()
