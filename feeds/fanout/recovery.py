"""
Messages that are no longer, or not yet, in the recent past: made again.

What a session lacks, and the past of a server that starts, is made by the
maker, a step of bounded size at a time, so that however many sessions catch
up, those who are live do not feel it. What a stream lacks is little, and made
at once by a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from clientapp.wire.from_server import Gap
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.schedule import Schedule
from feeds.core.stream import Stream
from feeds.core.subscriber import Subscriber
from feeds.making.catalog import Catalog
from feeds.making.regeneration import (
    UnavailableError,
    UnknownYetError,
    frames_between,
    lines_between,
    write_between,
)
from feeds.running.child import Child, ChildEndedError
from feeds.running.worker import Worker

log = logging.getLogger(__name__)


class Recovery:
    """Brings subscribers that fell behind the recent past back to it."""

    def __init__(
        self,
        limits: Limits,
        catalog: Catalog,
        maker: Child,
    ) -> None:
        self._limits = limits
        self._catalog = catalog
        self._maker = maker
        self._worker = Worker("recovery")
        self._tasks: set[asyncio.Task[None]] = set()

    async def lines(self, feed: str, first: int, last: int) -> list[bytes]:
        """
        Return lines from *first* on, at most to *last*.

        Raises UnavailableError, UnknownYetError, and LookupError for what never
        existed.
        """
        last = self._end(first, last)
        schedule = await self._catalog.schedule(feed, last)
        return await self._worker.run(lines_between, feed, schedule, first, last)

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """Make the next frames of *feed* for *subscriber*, and hand them to *hub*."""
        self._begin(self._recover(hub, subscriber, feed))

    def remember(self, stream: Stream, feed: str, since: int) -> None:
        """Give *stream* of *feed* the past from offset *since* on that it has not."""
        self._begin(self._remember(stream, feed, since))

    async def stop(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._worker.stop()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remember(self, stream: Stream, feed: str, since: int) -> None:
        """Newest first, a step at a time: who comes meanwhile is served as ever."""
        while since < stream.first:
            first = max(since, stream.first - self._limits.recovery_messages)
            try:
                last = stream.first - 1
                schedule = await self._part(feed, first, last)
                frames = await self._maker.run(frames_between, feed, schedule, first, last)
            except Exception as error:  # noqa: BLE001  each reader will meet it, and tell
                log.debug("the past of %s is not made: %s", feed, error)
                return
            if not stream.prepend(first, frames):
                return

    async def _recover(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        first = subscriber.cursors[feed] + 1
        last = hub.streams[feed].first - 1
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            end = self._end(first, last)
            schedule = await self._part(feed, first, end)
            end, frames = await self._maker.run(
                write_between, feed, schedule, first, end, self._limits.write_bytes
            )
            count = end - first + 1
            over = started + count / fastest(self._limits, self._catalog.feeds[feed].rate)
            await asyncio.sleep(max(over - clock(), 0))
            hub.recovered(subscriber, feed, end, frames)
        except UnavailableError as lost:
            hub.skip(subscriber, feed, lost.last, self._gap(feed, first, lost.last))
        except LookupError:
            hub.skip(subscriber, feed, last, self._gap(feed, first, last))
        except Exception as error:
            if not isinstance(error, UnknownYetError | ChildEndedError):
                log.exception("recovery failed and is tried again")
            await asyncio.sleep(1)
            hub.recovered(subscriber, feed, first - 1, b"")

    def _end(self, first: int, last: int) -> int:
        """Return where the step that begins at *first* ends, at *last* at most."""
        return min(last, first + self._limits.recovery_messages - 1)

    async def _part(self, feed: str, first: int, last: int) -> Schedule:
        """Return what the maker must know of a feed's schedule."""
        return (await self._catalog.schedule(feed, last)).part(first, last)

    def _gap(self, feed: str, first: int, last: int) -> bytes:
        epoch = self._catalog.feeds[feed].epoch_at(last + 1)
        gap = Gap(feed=feed, first=first, last=last, epoch=epoch, cause="unavailable")
        return control_frame(gap)


def fastest(limits: Limits, rate: float) -> float:
    """Return how many messages a second are made again of a feed that has *rate* of new ones."""
    return max(limits.recovery_rate, 2 * rate)
