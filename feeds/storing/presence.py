"""
The presence of connections in the database.

This process renews its lease, and stores the lag of its connections. Connections of a
process that ended without closing them are closed as lost. If other processes closed this one's
connections while it was cut off, they are opened again. The activity of this process
is stored as a sample.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial

from feeds.core.hub import Hub
from feeds.core.limits import Limits
from feeds.core.subscriber import Subscriber
from feeds.layer.replacer import Replacer
from feeds.running.database import cause_of, is_unavailable
from feeds.running.outages import OUTAGES
from feeds.running.worker import Worker
from feeds.storing import connections, leases
from feeds.storing.facts import Outcome, Reopened
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Look, Sampler
from feeds.storing.watch import Watch

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
        recorder: Recorder,
        replacer: Replacer,
    ) -> None:
        self.server = server
        self._hub = hub
        self._database = database
        self._sampler = sampler
        self._recorder = recorder
        self._replacer = replacer
        self._watch = Watch(limits.lost_seconds, 2 * limits.heartbeat_seconds)
        self._beats = 0
        self._reopening: set[str] = set()
        """Channels of served connections whose `Reopened` waits to be committed."""
        self._connections: dict[Subscriber, tuple[str, str]] = {}
        """Per subscriber, the channel of its consumer and the key of its session."""

    @property
    def sessions(self) -> int:
        """The number of sessions that are connected."""
        return len(self._connections)

    def enter(self, subscriber: Subscriber, channel: str, session: str) -> None:
        """Add *subscriber*; its consumer's *channel* identifies its row."""
        self._connections[subscriber] = channel, session

    def leave(self, subscriber: Subscriber) -> None:
        """Remove *subscriber*, if it was not removed before."""
        channel, _ = self._connections.pop(subscriber, ("", ""))
        self._reopening.discard(channel)

    async def keep(self) -> None:
        """Renew the lease; store lags and a sample; close connections of dead servers."""
        now = datetime.now(UTC)
        lags = self._lags()
        behind = {channel: lag for channel, lag in lags.items() if lag}
        await self._database.run(self._sampler.take, self._look(now, lags))
        self._beats += 1
        try:
            await self._database.run(leases.renew, self.server, self._beats, now)
            known = await self._database.run(connections.note_lags, self.server, behind)
            await self._settle(known)
            await self._close_lost()
            await self._database.run(self._sampler.store)
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._watch.interrupt()
            cause = cause_of(error)
            log.warning("the database does not answer (%s); the lease is not renewed", cause)

    async def finish(self) -> None:
        """Store the sample of the last period, which the end cut short, and end the lease."""
        now = datetime.now(UTC)
        await self._database.run(self._sampler.take, self._look(now, self._lags()))
        try:
            await self._database.run(self._sampler.store)
            await self._database.run(leases.end, self.server)
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

    async def _settle(self, known: Collection[str]) -> None:
        """
        Correct the connections that are served here but not *known* as open.

        Connections that were replaced but did not get the message are ended. Connections that
        others closed as lost, or whose replacement has ended since, are opened again.
        Connections that are not stored yet stay as they are.
        """
        served = self._connections.values()
        unknown = {channel: session for channel, session in served if channel not in known}
        if not unknown:
            return
        ended = await self._database.run(connections.find_ended, unknown)
        # Some may have left since. Later, their ends are committed after their reopening.
        still = dict(self._connections.values())
        for channel in ended:
            if channel not in still or channel in self._reopening:
                continue
            fact = Reopened(session=still[channel], channel=channel)
            if self._recorder.record(fact, partial(self._reopened, channel)):
                self._reopening.add(channel)

    def _reopened(self, channel: str, outcome: Outcome) -> None:
        self._reopening.discard(channel)
        self._replacer.end(outcome.replaced)

    async def _close_lost(self) -> None:
        """Mark as closed the stored connections of servers that the watch considers dead."""
        now = time.monotonic()
        for server, sign in self._watch.dead(now, await self._database.run(leases.signs)).items():
            count = 0
            while closed := await self._database.run(connections.close_lost, server, sign):
                count += closed
            if count:
                log.warning(
                    "server process %s shows no sign of life; its open connections (%d) are lost",
                    server,
                    count,
                )
