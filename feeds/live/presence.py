"""
Who is there, as the database has it.

The connections of this process are marked as alive, with how far they are
behind; those of a process that ended without a word are closed as lost. What
the process did meanwhile is stored as a sample.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import InterfaceError, OperationalError

from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.subscriber import Subscriber
from feeds.live import ledger
from feeds.live.books import Books
from feeds.live.sampler import Look, Sampler
from feeds.live.worker import Worker

log = logging.getLogger("feeds.node")


class Presence:
    """The connections that the process *server* serves."""

    def __init__(
        self, server: str, limits: Limits, hub: Hub, database: Worker, sampler: Sampler
    ) -> None:
        self._server = server
        self._limits = limits
        self._hub = hub
        self._database = database
        self._sampler = sampler
        self._books = Books(limits.lost_seconds, 2 * limits.heartbeat_seconds)
        self._channels: dict[Subscriber, str] = {}

    def enter(self, subscriber: Subscriber, channel: str) -> None:
        """Count *subscriber* in; its row is found by its consumer's *channel*."""
        self._channels[subscriber] = channel

    def leave(self, subscriber: Subscriber) -> None:
        """Count *subscriber* out; twice is the same as once."""
        self._channels.pop(subscriber, None)

    async def keep(self) -> None:
        """Tell the database who is alive and how far behind, and who is lost."""
        now = datetime.now(UTC)
        lags = {channel: self._hub.lag(one) for one, channel in self._channels.items()}
        behind = {channel: lag for channel, lag in lags.items() if lag}
        look = Look(
            at=now,
            clock=time.monotonic(),
            sessions=len(lags),
            sent=self._hub.sent,
            worst_lag=max(lags.values(), default=0),
        )
        await self._database.run(self._sampler.take, look)
        try:
            await self._database.run(ledger.mark_seen, self._server, now, behind)
            # While the database was away nobody could be seen: that is no sign of death.
            if self._books.are_steady(time.monotonic(), now.timestamp()):
                lost = timedelta(seconds=self._limits.lost_seconds)
                await self._database.run(ledger.close_lost, now - lost, now + lost)
            await self._database.run(self._sampler.store)
        except (OperationalError, InterfaceError) as error:
            self._books.interrupt()
            log.warning("the database does not answer (%s); nobody is marked as seen", error)
