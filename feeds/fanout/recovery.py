"""
Regeneration of messages that are no longer, or not yet, in the recent past.

The maker regenerates what sessions lack, and the recent past of a starting server,
in steps of bounded size. So live clients are not slowed down, however many sessions
catch up. A stream lacks only a few messages; a thread regenerates these at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from clientapp.wire.from_server import Gap
from feeds.core.frames import control_frame
from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.schedule import Schedule
from feeds.core.stream import Stream
from feeds.core.subscriber import Subscriber
from feeds.making.catalog import Catalog
from feeds.making.maker import Maker
from feeds.making.regeneration import (
    ScheduleUnknownError,
    UnavailableError,
    frames_between,
    lines_between,
    write_between,
)
from feeds.running.child import ChildEndedError
from feeds.running.worker import Worker

log = logging.getLogger(__name__)


class Recovery:
    """Brings subscribers that have fallen out of a stream back into it."""

    def __init__(
        self,
        limits: Limits,
        catalog: Catalog,
        maker: Maker,
    ) -> None:
        self._limits = limits
        self._catalog = catalog
        self._maker = maker
        self._worker = Worker("recovery")
        self._tasks: set[asyncio.Task[None]] = set()
        self.recovered = 0
        """Messages regenerated for subscribers."""
        self.gaps = 0
        """Gaps announced, because messages cannot be regenerated."""

    async def lines(self, feed: str, first: int, last: int) -> list[bytes]:
        """
        Return lines from *first* on, at most to *last*.

        Raises UnavailableError, ScheduleUnknownError, and LookupError for offsets that
        never existed.
        """
        last = self._end(first, last)
        schedule = await self._catalog.schedule(feed, last)
        return await self._worker.run(lines_between, feed, schedule, first, last)

    def start(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        """Regenerate the next frames of *feed* for *subscriber*, and pass them to *hub*."""
        self._begin(self._recover(hub, subscriber, feed))

    def remember(self, stream: Stream, feed: str, since: int) -> None:
        """Prepend to *stream* the messages of *feed* from offset *since* that it lacks."""
        self._begin(self._remember(stream, feed, since))

    async def stop(self) -> None:
        """Cancel the recoveries in progress."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._worker.stop()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remember(self, stream: Stream, feed: str, since: int) -> None:
        """Work in steps, newest first: clients that connect meanwhile are served as usual."""
        while since < stream.first:
            first = max(since, stream.first - self._limits.recovery_messages)
            try:
                last = stream.first - 1
                schedule = await self._part(feed, first, last)
                frames = await self._maker.run(frames_between, feed, schedule, first, last)
            except Exception as error:  # noqa: BLE001  logged by the next recovery
                log.debug("older messages of %s are not loaded: %s", feed, error)
                return
            if not stream.prepend(first, frames):
                return

    async def _recover(self, hub: Hub, subscriber: Subscriber, feed: str) -> None:
        stream = hub.streams[feed]
        finish = await self._next(hub, subscriber, feed)
        # After a rollback, the messages belong to a history that is gone.
        if hub.streams[feed] is stream:
            finish()

    async def _next(self, hub: Hub, subscriber: Subscriber, feed: str) -> Callable[[], None]:
        """Regenerate the next frames; return the call that gives them to *hub*."""
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
            self.recovered += count
            over = started + count / fastest(self._limits, self._catalog.feeds[feed].rate)
            await asyncio.sleep(max(over - clock(), 0))
            return partial(hub.recovered, subscriber, feed, end, frames)
        except UnavailableError as lost:
            return partial(hub.skip, subscriber, feed, lost.last, self._gap(feed, first, lost.last))
        except LookupError:
            return partial(hub.skip, subscriber, feed, last, self._gap(feed, first, last))
        except Exception as error:
            if not isinstance(error, ScheduleUnknownError | ChildEndedError):
                log.exception("recovery failed; retrying")
            await asyncio.sleep(1)
            return partial(hub.recovered, subscriber, feed, first - 1, b"")

    def _end(self, first: int, last: int) -> int:
        """Return the last offset of the step that begins at *first*, at most *last*."""
        return min(last, first + self._limits.recovery_messages - 1)

    async def _part(self, feed: str, first: int, last: int) -> Schedule:
        """Return the part of a feed's schedule that the maker needs."""
        return (await self._catalog.schedule(feed, last)).part(first, last)

    def _gap(self, feed: str, first: int, last: int) -> bytes:
        epoch = self._catalog.feeds[feed].epoch_at(last + 1)
        self.gaps += 1
        gap = Gap(feed=feed, first=first, last=last, epoch=epoch, cause="unavailable")
        return control_frame(gap)


def fastest(limits: Limits, rate: float) -> float:
    """Return the messages per second to regenerate for one session of a feed with *rate*."""
    return max(limits.recovery_rate, 2 * rate)
