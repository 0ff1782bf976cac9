"""
The generator of one feed: it promises ahead and publishes on time.

The segments of the schedule say which messages are due. It does not sleep for a fixed
period, so delays do not add up. It generates the next batch before that is due, so
that it can be pushed on time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AbstractContextManager, suppress
from decimal import Decimal
from functools import partial

from channels.layers import BaseChannelLayer

from feeds.core import notices
from feeds.core.schedule import Segment
from feeds.core.succession import successor
from feeds.making import ownership
from feeds.making.observation import (
    OWNER_LOOK_SECONDS,
    PROMISE_SECONDS,
    TAKEOVER_LOOK_SECONDS,
    TAKEOVER_SECONDS,
    Life,
    Observer,
    Sign,
)
from feeds.making.progress import Progress, State
from feeds.making.publisher import Publisher
from feeds.making.regeneration import source_of, stretches
from feeds.running.clock import now_us
from feeds.running.database import cause_of, is_unavailable
from feeds.running.timelimit import impatient
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger(__name__)

AHEAD_US = 1_000_000
"""Reach of a promise: after a crash, the servers generate at most this much."""
SLOW_SECONDS = 2.0
"""Time without an answer of the database after which a generator says so: four promises. The
driver itself reports a locked SQLite database after 20 s."""
BATCH_LINES = 500
"""Most lines in one batch: about 100 KB, a few milliseconds of work."""
LOOK_SECONDS = 0.05
"""Time between checks for new promises; a segment may begin late by up to this much."""
TICK_SECONDS = 0.005
"""Shortest time between batches: fast feeds send hundreds at once, slower ones on time."""


class Generator:
    """The work on one feed, from taking to releasing it."""

    def __init__(
        self,
        feed: str,
        layer: BaseChannelLayer,
        *,
        count: int | None = None,
        seconds: float | None = None,
        take_over: bool = False,
        rate: Decimal | None = None,
        seed: int | None = None,
    ) -> None:
        """
        Stop after *count* messages or *seconds*, if given.

        With *take_over*, a generator that has the feed is locked out. *rate*
        and *seed* are stored in the feed once it is taken.
        """
        self.progress = Progress(feed)
        self._feed = feed
        self._publisher = Publisher(layer, self.progress)
        self._count = count
        self._seconds = seconds
        self._take_feed = partial(ownership.take, feed, rate=rate, seed=seed)
        self._takes_by_force = take_over
        self._seen: Sign | None = None
        """The sign with which to take the feed at once; None: observe its owner first."""
        self._owned: ownership.OwnedFeed
        self._sent = 0
        self._last: int | None = None
        self._tick_over = 0.0
        """Earliest time of the next batch, by the monotonic clock."""
        # The wall clock decides which messages are due. It may be set, so the
        # monotonic clock measures durations.
        self._deadline: float | None = None
        self._is_over = False
        self._failing = False
        self._stopping = asyncio.Event()
        self._database = Worker(f"promise-{feed}")
        self._owns_database = True

    async def run(self) -> None:
        """
        Generate until done or stopped.

        Raises ownership.OwnedError, ownership.TakenOverError, ownership.RemovedError, and
        errors of the source or the database.
        """
        try:
            owned = await self._take()
            if owned is None:
                return
            self._owned = owned
            self._sent = self._owned.promised
            if self._count is not None:
                self._last = self._sent + self._count
            if self._seconds is not None:
                self._deadline = time.monotonic() + self._seconds
            try:
                await self._work()
            finally:
                await self._database.run(ownership.release, self._owned)
        finally:
            if self._owns_database:
                await self._database.stop()

    def share(self, database: Worker) -> None:
        """Promise in *database*, which its owner stops after `run`; call this before `run`."""
        self._database, self._owns_database = database, False

    def expect(self, seen: Sign) -> None:
        """Take the feed with the sign *seen*, free or a dead owner's; call this before `run`."""
        self._seen = seen

    def stop(self) -> None:
        """
        Let `run` end soon.

        It is not cancelled: a cancellation may get lost (`feeds.running.cancelling`)
        and would interrupt a push.
        """
        self._stopping.set()

    async def _work(self) -> None:
        """Promise and publish concurrently: due messages do not wait for the database."""
        await self._promise()
        publishing = asyncio.ensure_future(self._keep_publishing())
        try:
            while not publishing.done():
                await asyncio.wait({publishing}, timeout=PROMISE_SECONDS)
                await self._promise()
        finally:
            self._is_over = True
            await publishing

    async def _keep_publishing(self) -> None:
        while not self._done():
            now = now_us()
            at, last = self._next_batch(now)
            if last is None or at - now > LOOK_SECONDS * 1e6:
                await self._rest(LOOK_SECONDS)
                continue
            made = list(stretches(self._feed, self._owned.schedule, self._sent + 1, last))
            await self._rest(min(at - now_us(), at - now) / 1e6)
            # If the clock was set back meanwhile, the batch is not due yet: start over.
            is_next = self._sent == made[0].first - 1
            if is_next and now_us() >= at and not self._stopping.is_set():
                is_full = last - self._sent == BATCH_LINES
                self._tick_over = 0.0 if is_full else time.monotonic() + TICK_SECONDS
                await self._publisher.publish(made, self._owned.schedule)
                if self._sent == made[0].first - 1:
                    self._sent = last

    async def _take(self) -> ownership.OwnedFeed | None:
        """
        Take the feed; return None if stopped before.

        Waits for the database, and until it is known whether the feed's owner is alive.
        """
        observer = Observer(TAKEOVER_SECONDS, TAKEOVER_LOOK_SECONDS)
        is_prepared = False
        while not self._stopping.is_set():
            try:
                if not is_prepared:
                    await self._database.run(ownership.prepare, self._feed)
                    is_prepared = True
                seen, self._seen = self._seen, None
                with self._patient():
                    if seen is None and not self._takes_by_force:
                        seen = await self._look_for_owner(observer)
                    if seen is not None or self._takes_by_force:
                        owned = await self._database.run(self._take_feed, now_us(), seen)
                        self._takes_by_force = False
                        return owned
            except ownership.ChangedError:
                continue  # the next looks show whether its owner is alive
            except ownership.SlowError:
                observer.begin_anew()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                self._miss_database(cause_of(error))
            await self._rest(OWNER_LOOK_SECONDS)
        return None

    async def _look_for_owner(self, observer: Observer) -> Sign | None:
        """Return the sign if the feed may be taken, or None; raises OwnedError."""
        with observer.looking() as found:
            found[self._feed] = await self._database.run(ownership.see, self._feed)
        match observer.life(self._feed):
            case Life.ALIVE:
                raise ownership.OwnedError(self._feed)
            case Life.FREE | Life.DEAD:
                return found[self._feed]
        return None

    async def _promise(self) -> None:
        """Promise the next messages, in a new segment if one is needed."""
        if self._done() or self._is_past_deadline:
            return
        now = now_us()
        try:
            # Look first, so that a change in the admin takes effect right after the
            # promises made before it.
            with self._patient():
                found = await self._database.run(ownership.look, self._owned)
            self._owned = self._after_rollback(found)
            # A feed that is switched off is promised no further, but stays owned.
            segment, last = None, self._owned.promised
            if self._owned.enabled:
                segment = self._next_segment(now)
                last = self._reach(segment or self._owned.schedule.last, now)
            with self._patient():
                self._owned = await self._database.run(
                    ownership.promise, self._owned, last, now, segment
                )
        except ownership.RolledBackError:
            owned = await self._take()
            if owned is not None:
                self._owned = self._after_rollback(owned)
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._miss_database(cause_of(error))
        else:
            self._failing = False
            self.progress.state = State.RUNNING if self._owned.enabled else State.OFF

    def _after_rollback(self, owned: ownership.OwnedFeed) -> ownership.OwnedFeed:
        """Return *owned*; if the database lost promises, generate the lost offsets again."""
        if owned.promised < self._owned.promised:
            log.warning(
                "%s; continuing after offset %d", notices.rolled_back(self._feed), owned.promised
            )
            sent = min(self._sent, owned.promised)
            if self._last is not None:
                self._last -= self._sent - sent
            self._sent = sent
        return owned

    def _patient(self) -> AbstractContextManager[None]:
        """Return a context that logs a warning if the database takes long to answer."""
        complain = partial(self._miss_database, f"no answer for {SLOW_SECONDS:g} s")
        return impatient(SLOW_SECONDS, complain)

    def _miss_database(self, cause: str) -> None:
        if not self._failing:
            sentence = "feed %s: the database does not answer (%s); waiting"
            log.warning(sentence, self._feed, cause)
        self._failing = True
        self.progress.state = State.NO_DATABASE

    def _next_segment(self, now: int) -> Segment | None:
        """Return the segment to begin, or None to continue the last one."""
        owned = self._owned
        try:
            source = source_of(owned.recipe)
        except SpecError as error:
            raise SpecError(f"feed {owned.name}: {error}") from None
        new = Segment(
            recipe=owned.recipe,
            epoch=source.epoch,
            first=owned.promised + 1,
            started_us=now,
            rate_milli=owned.rate_milli,
        )
        return successor(owned.schedule, new)

    def _reach(self, segment: Segment | None, now: int) -> int:
        """Return the last offset to promise now."""
        assert segment is not None
        ahead = AHEAD_US
        if self._deadline is not None:
            ahead = min(ahead, max(round((self._deadline - time.monotonic()) * 1e6), 0))
        # A segment has at least one message: two cannot begin at the same offset.
        reach = max(segment.due(now + ahead), segment.first, self._owned.promised)
        return reach if self._last is None else min(reach, self._last)

    def _next_batch(self, now: int) -> tuple[int, int | None]:
        """Return the time and last offset of the next batch; None if nothing more is promised."""
        first = self._sent + 1
        schedule, promised = self._owned.schedule, self._owned.promised
        if first > promised:
            return now, None
        at = now if schedule.due(now, promised) >= first else schedule.at(first)
        at = max(at, now + round((self._tick_over - time.monotonic()) * 1e6))
        # Include all messages due by then: a few, or many after a delay.
        return at, min(max(schedule.due(at, promised), first), self._sent + BATCH_LINES)

    async def _rest(self, seconds: float) -> None:
        """Sleep, but end at `stop`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._stopping.wait()

    def _done(self) -> bool:
        if self._stopping.is_set() or self._is_over:
            return True
        if self._last is not None and self._sent >= self._last:
            return True
        return self._is_past_deadline and self._sent >= self._owned.promised

    @property
    def _is_past_deadline(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline
