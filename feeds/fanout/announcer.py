"""
Heartbeats and notices from one process to all of its clients.

Clients that are behind are skipped: these controls would reach them late. The
others get them a few at a time, so that no message waits for all of them.
"""

from __future__ import annotations

import asyncio
import logging

from clientapp.wire.from_server import Control, Heartbeat, Notice
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.making.catalog import Catalog
from feeds.running.clock import now_us

log = logging.getLogger("feeds.node")


class Announcer:
    """Sends the state of the feeds in *catalog* to the subscribers of *hub*."""

    def __init__(self, catalog: Catalog, hub: Hub) -> None:
        self._catalog = catalog
        self._hub = hub
        self._said: dict[str, str] = {}
        """Per feed, its state at the last check as a sentence."""

    async def beat(self) -> None:
        """Send a heartbeat with the head of each feed to all clients."""
        heads = {name: stream.head for name, stream in self._hub.streams.items()}
        await self._tell(Heartbeat(now=now_us(), heads=heads))

    async def notice_changes(self, now: int) -> None:
        """Notify the clients of each feed whose state has changed since the last check."""
        for name, feed in self._catalog.feeds.items():
            text, before = feed.sentence(now), self._said.get(name)
            self._said[name] = text
            if text != before:
                log.info("%s", text)
                if before is not None:
                    await self._tell(Notice(text=text), name)

    async def _tell(self, control: Control, feed: str | None = None) -> None:
        for _ in self._hub.tell(control_frame(control), feed):
            await asyncio.sleep(0)
