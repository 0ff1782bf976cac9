"""
What a process tells all of its clients: that it lives, and what their feeds do.

A client that is held up is left out: what is said here would come late. The
others are told a few at a time, so that no message waits until all are.
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
    """Tells the subscribers of *hub* what is so of the feeds in *catalog*."""

    def __init__(self, catalog: Catalog, hub: Hub) -> None:
        self._catalog = catalog
        self._hub = hub
        self._said: dict[str, str] = {}
        """Per feed what it did at the last look."""

    async def beat(self) -> None:
        """Tell everybody that this process lives, and how far each feed is."""
        heads = {name: stream.head for name, stream in self._hub.streams.items()}
        await self._tell(Heartbeat(now=now_us(), heads=heads))

    async def notice_changes(self, now: int) -> None:
        """Tell those who have a feed that does something else than at the last look."""
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
