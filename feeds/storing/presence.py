"""
The presence of connections in the database.

The connections of this process are marked as alive, with their lag. Connections of a
process that ended without closing them are closed as lost. The activity of this
process is stored as a sample.
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
from feeds.running.database import cause_of, is_unavailable
from feeds.running.outages import OUTAGES
from feeds.running.worker import Worker
from feeds.storing import connections
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
        """Per subscriber, the channel of its consumer and the key of its session."""

    def enter(self, subscriber: Subscriber, channel: str, session: str) -> None:
        """Add *subscriber*; its consumer's *channel* identifies its row."""
        self._connections[subscriber] = channel, session

    def leave(self, subscriber: Subscriber) -> None:
        """Remove *subscriber*, if it was not removed before."""
        self._connections.pop(subscriber, None)

    async def keep(self) -> None:
        """Mark connections as alive, with their lag; close lost ones; store a sample."""
        now = datetime.now(UTC)
        lags = self._lags()
        behind = {channel: lag for channel, lag in lags.items() if lag}
        await self._database.run(self._sampler.take, self._look(now, lags))
        try:
            known = await self._database.run(connections.mark_seen, self.server, now, behind)
            await self._end_replaced(known)
            # If the database was unavailable, unmarked connections need not be lost.
            if self._books.are_steady(time.monotonic(), now.timestamp()):
                lost = timedelta(seconds=self._limits.lost_seconds)
                await self._database.run(connections.close_lost, now - lost, now + lost)
            await self._database.run(self._sampler.store)
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._books.interrupt()
            cause = cause_of(error)
            log.warning("the database does not answer (%s); no connection is marked as seen", cause)

    async def finish(self) -> None:
        """Store the sample of the last period, shortened by the end of the process."""
        now = datetime.now(UTC)
        await self._database.run(self._sampler.take, self._look(now, self._lags()))
        try:
            await self._database.run(self._sampler.store)
        except Exception as error:
            if not is_unavailable(error):
                raise
            cause = cause_of(error)
            log.warning("the database does not answer (%s); the last sample is lost", cause)

    def _lags(self) -> dict[str, int]:
        """Return the number of messages that each connection lacks, by its channel."""
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
        End connections that were replaced but did not get the message.

        They are served here but are not *known* as open. Connections that are not stored
        yet are not known either; `connections.find_replaced` leaves them out.
        """
        served = self._connections.values()
        unknown = {channel: session for channel, session in served if channel not in known}
        if unknown:
            self._replacer.end(await self._database.run(connections.find_replaced, unknown))
