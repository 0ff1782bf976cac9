"""
The input of a process's streams: batches from generators, or regenerated messages.

A feed's promise says which messages must exist. Those that the generator does
not push in time, or that are missing before a batch, are regenerated here, so a
stream has no hole, whatever the channel layer loses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from clientapp.wire.message import make_line
from clientapp.wire.position import Position
from feeds.core import notices
from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.lines import make_frames
from feeds.core.prefixes import RecentDigests
from feeds.fanout.recovery import Recovery
from feeds.layer.batches import Batch
from feeds.making.catalog import Catalog, KnownFeed
from feeds.making.regeneration import ScheduleUnknownError, UnavailableError
from feeds.running.clock import now_us

log = logging.getLogger(__name__)


class Intake:
    """Appends batches to the streams of *hub*, one batch at a time and without a hole."""

    def __init__(
        self,
        *,
        limits: Limits,
        catalog: Catalog,
        hub: Hub,
        recovery: Recovery,
        digests: RecentDigests,
    ) -> None:
        """Add the appended lines to *digests* as well."""
        self._limits = limits
        self._catalog = catalog
        self._hub = hub
        self._recovery = recovery
        self._digests = digests
        self._order = asyncio.Lock()
        self.filled = 0
        """Messages that were not pushed in time, and so were regenerated."""
        self.rollbacks = 0
        """Rollbacks of a feed's history."""

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Append *batches* until there are no more."""
        async for batch in batches:
            try:
                await self.take(batch)
            except Exception:
                log.exception("a batch could not be appended; its messages are regenerated")

    async def poll(self) -> None:
        """Read the promises, open streams for new feeds, and regenerate overdue messages."""
        await self._catalog.refresh()
        await self._keep_up(now_us())

    async def look_again(self) -> bool:
        """Poll now, for a caller that waits; return False if the database does not answer."""
        try:
            async with asyncio.timeout(self._limits.database_seconds):
                await self.poll()
        except TimeoutError:
            self._catalog.reachable = False
        return self._catalog.reachable

    async def take(self, batch: Batch) -> None:
        """Append a batch to its stream, after any messages missing before it."""
        async with self._order:
            if batch.feed not in self._hub.streams:
                return
            known = self._catalog.feeds[batch.feed]
            if not _is_of(batch, known):
                await self._refresh()
                known = self._catalog.feeds[batch.feed]
                if not _is_of(batch, known):
                    return
            stream = self._hub.streams[batch.feed]
            if batch.first > stream.head + 1:
                await self._fill(batch.feed, batch.first - 1)
            skip = stream.head + 1 - batch.first
            if 0 <= skip < len(batch.lines):
                self._append(batch.feed, batch.first + skip, batch.lines[skip:])

    async def reach(self, feed: str, offset: int) -> None:
        """Fill the stream of *feed* up to the promised *offset*, if possible."""
        async with self._order:
            await self._fill(feed, offset)

    async def _keep_up(self, now: int) -> None:
        """Open streams for new feeds, and regenerate messages that are overdue at *now*."""
        async with self._order:
            self._begin_anew(now)
            for name, feed in self._catalog.feeds.items():
                if name not in self._hub.streams:
                    stream = self._hub.open_stream(name, feed.head(now))
                    since = feed.head(now - round(self._limits.bridged_seconds * 1e6)) + 1
                    self._recovery.remember(stream, name, since)
                await self._fill(name, feed.head(now - self._limits.push_grace_us))

    async def _fill(self, feed: str, last: int) -> None:
        """Regenerate the messages up to *last* that the stream of *feed* lacks."""
        if last > self._catalog.feeds[feed].promised:
            await self._refresh()
            last = min(last, self._catalog.feeds[feed].promised)
        stream = self._hub.streams[feed]
        if last - stream.head > self._limits.recent_messages:
            self._hub.restart(feed, last - self._limits.recent_messages)
        while stream.head < last:
            try:
                lines = await self._recovery.lines(feed, stream.head + 1, last)
            except ScheduleUnknownError:
                return
            except (UnavailableError, LookupError):
                self._hub.restart(feed, last)
                return
            self.filled += len(lines)
            self._append(feed, stream.head + 1, lines)

    async def _refresh(self) -> None:
        await self._catalog.refresh()
        self._begin_anew(now_us())

    def _begin_anew(self, now: int) -> None:
        """Reset the feeds whose history was rolled back, and tell their subscribers."""
        for name in list(self._catalog.rolled_back):
            self.rollbacks += 1
            feed = self._catalog.accept(name)
            head = feed.head(now)
            log.warning("%s; it continues after offset %d", notices.rolled_back(name), head)
            self._digests.forget(name)
            self._hub.roll_back(name, Position(feed.epoch_at(head + 1), head))

    def _append(self, feed: str, first: int, lines: list[bytes]) -> None:
        """Publish *lines* to all subscribers, and add them to the digests."""
        frames = make_frames(feed, self._catalog.feeds[feed].schedule, first, lines)
        self._hub.publish(feed, first, frames)
        self._digests.extend(feed, first, lines)


def _is_of(batch: Batch, feed: KnownFeed) -> bool:
    """Tell whether *batch* has the epoch and the intended times of *feed* as known here."""
    try:
        segment = feed.schedule.segment(batch.first)
    except LookupError:
        return False
    line = make_line(batch.feed, batch.first, segment.at(batch.first), b"")
    return segment.epoch == batch.epoch and batch.lines[0].startswith(line[:-1])
