"""
Who is there, as the database has it.

The connections of this process are marked as alive, with how far they are
behind; those of a process that ended without a word are closed as lost. What
the process did meanwhile is stored as a sample.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.subscriber import Subscriber
from feeds.layer.replacer import Replacer
from feeds.running.database import is_unavailable
from feeds.running.outages import OUTAGES
from feeds.running.worker import Worker
from feeds.storing import ledger
from feeds.storing.books import Books
from feeds.storing.samples import Look, Sampler

log = logging.getLogger("feeds.node")


class Presence:
    """The connections that the process *server* serves."""

    def __init__(
        self,
        *,
        server: str,
        limits: Limits,
        hub: Hub,
        database: Worker,
        sampler: Sampler,
        replacer: Replacer,
    ) -> None:
        self.server = server
        self._limits = limits
        self._hub = hub
        self._database = database
        self._sampler = sampler
        self._books = Books(limits.lost_seconds, 2 * limits.heartbeat_seconds)
        self._replacer = replacer
        self._connections: dict[Subscriber, tuple[str, str]] = {}
        """Per subscriber the channel of its consumer, and the key of its session."""

    def enter(self, subscriber: Subscriber, channel: str, session: str) -> None:
        """Count *subscriber* in; its row is found by its consumer's *channel*."""
        self._connections[subscriber] = channel, session

    def leave(self, subscriber: Subscriber) -> None:
        """Count *subscriber* out; twice is the same as once."""
        self._connections.pop(subscriber, None)

    async def keep(self) -> None:
        """Tell the database who is alive and how far behind, and who is lost."""
        now = datetime.now(UTC)
        lags = self._lags()
        behind = {channel: lag for channel, lag in lags.items() if lag}
        await self._database.run(self._sampler.take, self._look(now, lags))
        try:
            known = await self._database.run(ledger.mark_seen, self.server, now, behind)
            await self._end_replaced(known)
            # While the database was away nobody could be seen: that is no sign of death.
            if self._books.are_steady(time.monotonic(), now.timestamp()):
                lost = timedelta(seconds=self._limits.lost_seconds)
                await self._database.run(ledger.close_lost, now - lost, now + lost)
            await self._database.run(self._sampler.store)
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._books.interrupt()
            log.warning("the database does not answer (%s); nobody is marked as seen", error)

    async def finish(self) -> None:
        """Store the sample of the last period, which the end of the process cuts short."""
        now = datetime.now(UTC)
        await self._database.run(self._sampler.take, self._look(now, self._lags()))
        try:
            await self._database.run(self._sampler.store)
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("the database does not answer (%s); the last sample is lost", error)

    def _lags(self) -> dict[str, int]:
        """Return how many messages each connection lacks, by its channel."""
        return {channel: self._hub.lag(one) for one, (channel, _) in self._connections.items()}

    def _look(self, now: datetime, lags: Mapping[str, int]) -> Look:
        return Look(
            at=now,
            clock=time.monotonic(),
            sessions=len(lags),
            sent=Counter(self._hub.sent),
            worst_lag=max(lags.values(), default=0),
            readers=self._hub.readers(),
            unavailable=OUTAGES.seen(),
        )

    async def _end_replaced(self, known: Collection[str]) -> None:
        """
        End those that a newer connection has replaced, and that did not hear of it.

        They are served, but not *known* as open. So is one that is not stored yet.
        """
        connections = self._connections.values()
        unknown = {channel: session for channel, session in connections if channel not in known}
        if unknown:
            self._replacer.end(await self._database.run(ledger.find_replaced, unknown))
