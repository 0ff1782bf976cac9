"""
One server process: its streams and hub, and the tasks that keep them going.

A node is made at the first connection and serves what it knows while the
channel layer or the database are away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings

from feeds.core.hub import Hub
from feeds.core.limits import LIMITS, Limits
from feeds.core.prefixes import RecentDigests
from feeds.core.schedule import Schedule
from feeds.core.subscriber import Subscriber
from feeds.fanout.announcer import Announcer
from feeds.fanout.intake import Intake
from feeds.fanout.passes import best_pass, python_pass
from feeds.fanout.recovery import Recovery
from feeds.layer.batches import Bridge
from feeds.making.catalog import Catalog
from feeds.making.regeneration import UnknownYetError
from feeds.running.cancelling import heed_cancellation
from feeds.running.child import Child
from feeds.running.clock import now_us
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.serving.verifier import Verifier
from feeds.storing.clerk import Clerk
from feeds.storing.presence import Presence
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Sampler

log = logging.getLogger("feeds.node")


class Node:
    """The running parts of one server process."""

    def __init__(self, limits: Limits = LIMITS, store: Clerk | None = None) -> None:
        """Store facts by *store*; in a thread of this process where there is none."""
        self.limits = limits
        self.name = f"{socket.gethostname()[:20]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.catalog = Catalog()
        self._maker = Child()
        self.recovery = Recovery(limits, self.catalog, self._schedule, self._maker)
        self._work = asyncio.Event()
        pass_ = best_pass() if settings.COMPILED_PASS else python_pass
        self.hub = Hub(limits, pass_, self._recover, self._work.set)
        digests = RecentDigests(limits.recent_digests)
        self.verifier = Verifier(limits, digests, self._schedule, self._maker)
        sampler = Sampler(self.name, time.monotonic())
        self.recorder = Recorder(limits, store, sampler.note)
        self.database = Worker("database")
        self.lookups = Worker("lookups")
        """For what connections ask: a thousand of them must not hold up the feeds."""
        self.presence = Presence(
            server=self.name,
            limits=limits,
            hub=self.hub,
            database=self.database,
            sampler=sampler,
            replace=self.replace,
        )
        self._announcer = Announcer(self.catalog, self.hub)
        self.reachable = True
        """Whether the database answered when it was last asked for the feeds."""
        self.intake = Intake(
            limits=limits,
            catalog=self.catalog,
            hub=self.hub,
            recovery=self.recovery,
            digests=digests,
            refresh=self.refresh,
        )
        self._layer = get_channel_layer()
        self._bridge = Bridge(self._layer, self.intake.take)
        self._replacing: set[asyncio.Task[None]] = set()
        """Keeps tasks alive that nobody waits for."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Look at the feeds once and start the tasks."""
        await self.poll()
        self._tasks = [
            asyncio.ensure_future(task)
            for task in (
                self._pump(),
                self._every(self.limits.poll_seconds, self.poll),
                self._every(self.limits.heartbeat_seconds, self._announcer.beat),
                self._every(self.limits.heartbeat_seconds, self.presence.keep),
                self._bridge.run(),
                self.recorder.run(),
            )
        ]

    async def stop(self) -> bool:
        """Commit every fact and end the tasks; return False where facts are lost."""
        is_kept = await self.recorder.flush(self.limits.flush_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if is_kept:
            await self.presence.finish()
        await self.recovery.stop()
        await self._maker.stop()
        await self.recorder.stop()
        await self.database.stop()
        await self.lookups.stop()
        return is_kept

    async def refresh(self) -> bool:
        """Read the feeds again; return False where the database is away."""
        try:
            await self.database.run(self.catalog.refresh)
        except Exception as error:  # noqa: BLE001  whatever it is, what is known is served
            if self.reachable:
                log.warning("the database does not answer (%s); serving what is known", error)
            OUTAGES.begin(
                "database",
                Outage(
                    what="The database does not answer",
                    cause=str(error),
                    then="what is known is served.",
                ),
            )
            self.reachable = False
        else:
            OUTAGES.end("database")
            self.reachable = True
        return self.reachable

    async def _schedule(self, feed: str, last: int) -> Schedule:
        """
        Return the schedule of *feed*, surely as it is up to offset *last*.

        A segment is written together with the promise of its first offset, so
        who knows the promise knows the segments. Raises UnknownYetError.
        """
        if self.catalog.feeds[feed].promised < last and not await self.refresh():
            raise UnknownYetError
        return self.catalog.feeds[feed].schedule

    async def look_again(self) -> None:
        """Poll now, for somebody who waits; gives up where the database hangs."""
        try:
            async with asyncio.timeout(self.limits.database_seconds):
                await self.poll()
        except TimeoutError:
            self.reachable = False

    def replace(self, channels: Iterable[str]) -> None:
        """End the connections of *channels*, here or elsewhere: newer ones took over."""
        for channel in channels:
            notice = self._layer.send(channel, {"type": "session.replaced"})
            task = asyncio.ensure_future(self._within_limit(notice))
            self._replacing.add(task)
            task.add_done_callback(self._replacing.discard)

    def _recover(self, reader: Subscriber, feed: str) -> None:
        self.recovery.start(self.hub, reader, feed)

    async def _pump(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            began = time.monotonic()
            try:
                for _ in self.hub.turns():
                    if time.monotonic() - began >= self.limits.turn_seconds:
                        await asyncio.sleep(0)
                        began = time.monotonic()
            except Exception:
                log.exception("a turn of the hub failed; the others go on")
                self._work.set()

    async def _every(self, seconds: float, step: Any) -> None:
        while True:
            heed_cancellation()
            await asyncio.sleep(seconds)
            try:
                await step()
            except Exception:
                log.exception("a periodic task failed and goes on")

    async def poll(self) -> None:
        """Look at the promise: new feeds, who runs, and what did not come."""
        await self.refresh()
        now = now_us()
        await self.intake.keep_up(now)
        await self._announcer.notice_changes(now)
        for name in self.catalog.feeds:
            await self._within_limit(self._bridge.join(name))

    async def _within_limit(self, call: Coroutine[Any, Any, None]) -> None:
        """Await a call of the channel layer, which may fail or hang."""
        try:
            async with asyncio.timeout(self.limits.layer_seconds):
                await call
        except Exception as error:  # noqa: BLE001  a layer raises what its driver raises
            log.debug("the channel layer failed: %s", error)


_nodes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Node]] = WeakKeyDictionary()


async def get_node(clerk: Callable[[], Clerk | None] = lambda: None) -> Node:
    """Return the node of this process, started at the first call, with a *clerk*."""
    loop = asyncio.get_running_loop()
    if loop not in _nodes:
        _nodes[loop] = asyncio.ensure_future(_started(Node(store=clerk())))
    return await asyncio.shield(_nodes[loop])


async def stop_node() -> bool:
    """Stop the node of this process, if there is one; return False where facts are lost."""
    task = _nodes.pop(asyncio.get_running_loop(), None)
    return task is None or await (await task).stop()


async def _started(node: Node) -> Node:
    await node.start()
    return node
