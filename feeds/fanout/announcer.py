"""
Heartbeats and notices from one process to all of its clients.

Clients that are behind are skipped: these controls would reach them late. The
others get them a few at a time, so that no message waits for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import time

from clientapp.wire.from_server import Control, Heartbeat, Notice
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.making.catalog import Catalog, KnownFeed
from feeds.making.diagnosis import DELAYS, Condition
from feeds.running.clock import now_us

log = logging.getLogger("feeds.node")

START_SECONDS = 10.0
"""Time after a server's start in which it does not report a feed without a generator: the two
are often started together, and the generator may need longer. New clients are told in any case."""


class Announcer:
    """Sends the state of the feeds in *catalog* to the subscribers of *hub*."""

    def __init__(self, catalog: Catalog, hub: Hub) -> None:
        self._catalog = catalog
        self._hub = hub
        self._said: dict[str, Condition] = {}
        """Per feed, its condition at the last check."""
        self._began = time.monotonic()
        self._unsaid: set[str] = set()
        """Feeds without a generator that were not logged yet."""
        self._has_waited = False
        """Whether there was a check before."""

    async def beat(self) -> None:
        """Send a heartbeat with the head of each feed to all clients."""
        heads = {name: stream.head for name, stream in self._hub.streams.items()}
        await self._tell(Heartbeat(now=now_us(), heads=heads))

    async def notice_changes(self, now: int) -> None:
        """Notify the clients of each feed whose condition has changed since the last check."""
        for name, feed in self._catalog.feeds.items():
            DELAYS.seconds[name] = self._delay(feed, now)
            new, before = feed.diagnosis(), self._said.get(name)
            if not new.is_known and before is None:
                continue
            self._said[name] = new.condition
            is_new = new.condition is not before
            may_start = self._may_still_start(new.condition)
            if before is None and may_start:
                self._unsaid.add(name)
            elif is_new or (name in self._unsaid and not may_start):
                self._unsaid.discard(name)
                log.info("%s", new.sentence)
            # Clients that connected before the first verdict assumed that the feed was running.
            if is_new and (before is not None or (self._has_waited and not new.is_running)):
                await self._tell(Notice(text=new.sentence), name)
        self._has_waited = True

    def _may_still_start(self, condition: Condition) -> bool:
        """Tell whether a feed's generator, started together with this server, may be on its way."""
        is_free = condition in (Condition.NOT_STARTED, Condition.STOPPED)
        return is_free and time.monotonic() - self._began < START_SECONDS

    def _delay(self, feed: KnownFeed, now: int) -> float:
        """Return how late the next message is, if it is promised, in seconds."""
        stream = self._hub.streams.get(feed.name)
        if stream is None or stream.head >= feed.head(now):
            return 0.0
        return max(now - feed.schedule.at(stream.head + 1), 0) / 1e6

    async def _tell(self, control: Control, feed: str | None = None) -> None:
        for _ in self._hub.tell(control_frame(control), feed):
            await asyncio.sleep(0)
