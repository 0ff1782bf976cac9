"""
One server process: its parts wired together, and the tasks that keep them running.

A node is created when the server starts. It keeps serving known feeds while the
channel layer or the database is unavailable.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django.conf import settings

from clientapp.wire.request import Request
from feeds.access.gate import Gate
from feeds.conf import TOKEN
from feeds.core.form import Form
from feeds.core.hub import Hub
from feeds.core.limits import LIMITS, Limits
from feeds.core.prefixes import RecentDigests
from feeds.fanout.announcer import Announcer
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.fanout.passes import best_pass, python_pass
from feeds.fanout.pump import Pump
from feeds.fanout.recovery import Recovery
from feeds.layer.batches import Membership
from feeds.layer.replacer import Replacer
from feeds.making.catalog import Catalog
from feeds.making.maker import Maker, RecordMaker
from feeds.metrics import publisher
from feeds.metrics.folder import Folder
from feeds.metrics.publisher import Publisher
from feeds.metrics.readings import Readings
from feeds.running.cancelling import heed_cancellation
from feeds.running.clock import now_us
from feeds.running.timelimit import at_most
from feeds.running.worker import Worker
from feeds.serving.admission import Admission, Admissions
from feeds.serving.caller import Caller
from feeds.serving.conversation import Conversation
from feeds.serving.entrance import Entrance, origins
from feeds.serving.outlet import Outlet, ServedWriter
from feeds.serving.reports import Reports
from feeds.serving.screening import Screening
from feeds.serving.sentences import Sentences
from feeds.serving.texts import Texts
from feeds.serving.verifier import Verifier
from feeds.storing import pulse
from feeds.storing.clerk import Clerk
from feeds.storing.housekeeper import Housekeeper
from feeds.storing.presence import Presence
from feeds.storing.pulse import Pulse
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Sampler

log = logging.getLogger("feeds.node")


class Node:
    """The running parts of one server process."""

    def __init__(self, limits: Limits = LIMITS, store: Clerk | None = None) -> None:
        """Store facts in *store*, or in a thread of this process if None."""
        unique = secrets.token_hex(4)
        name = f"{socket.gethostname()[:20]}:{os.getpid()}:{unique}"
        layer = get_channel_layer()
        self.limits = limits
        self._database = Worker("database")
        self._lookups = Worker("lookups")
        """For lookups of connecting sessions: a thousand of them must not delay the feeds."""
        self._maker = Maker()
        self.record_maker = RecordMaker()
        self._membership = Membership(layer)
        self._replacer = Replacer(layer, limits.layer_seconds)
        self.catalog = Catalog(self._database)
        self._pump = Pump(limits.turn_seconds)
        self.recovery = Recovery(limits, self.catalog, self._maker)
        pass_ = best_pass() if settings.COMPILED_PASS else python_pass
        self.hub = Hub(limits, pass_, self.recovery, self._pump)
        self._announcer = Announcer(self.catalog, self.hub)
        digests = RecentDigests(limits.recent_digests)
        self.intake = Intake(
            limits=limits,
            catalog=self.catalog,
            hub=self.hub,
            recovery=self.recovery,
            digests=digests,
        )
        self.verifier = Verifier(limits, digests, self.catalog, self._maker)
        sampler = Sampler(name, time.monotonic())
        self.recorder = Recorder(limits, store, sampler)
        self.presence = Presence(
            server=name,
            limits=limits,
            hub=self.hub,
            database=self._database,
            sampler=sampler,
            recorder=self.recorder,
            replacer=self._replacer,
        )
        self._housekeeper = Housekeeper(name)
        feeds = LiveFeeds(self.catalog, self.hub)
        self._screening = Screening(feeds, self.intake)
        self._admissions = Admissions(limits, self.hub, feeds, self.intake, self._lookups)
        self.pulse = Pulse()
        self.refusals: Counter[str] = Counter()
        """Refused connections, by error."""
        readings = Readings(
            limits=limits,
            hub=self.hub,
            catalog=self.catalog,
            intake=self.intake,
            recovery=self.recovery,
            presence=self.presence,
            recorder=self.recorder,
            sampler=sampler,
            pulse=self.pulse,
            children=[one for one in (store, self._maker, self.record_maker) if one],
            refusals=self.refusals,
        )
        snapshots = settings.VAR_DIR / "metrics"
        self.publisher = Publisher(readings, Folder(snapshots, f"{os.getpid()}-{unique}"))
        self._gate = Gate(self._database, needs_token=settings.ACCESS == TOKEN)
        self.entrance = Entrance(self._gate, origins())
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the feeds and the bans once, and start the tasks."""
        await self.poll()
        await self._gate.follow()
        self._tasks = [
            asyncio.ensure_future(task)
            for task in (
                self._pump.run(self.hub),
                _every(self.limits.poll_seconds, self.poll),
                _every(self.limits.poll_seconds, self._announce),
                _every(self.limits.access_seconds, self._gate.follow),
                _every(self.limits.heartbeat_seconds, self._announcer.beat),
                _every(self.limits.heartbeat_seconds, self.presence.keep),
                self.intake.run(self._membership.batches()),
                self.recorder.run(),
                _every(pulse.BEAT_SECONDS, self.pulse.beat),
                _every(self.limits.housekeeping_seconds, self._housekeeper.keep),
                _every(publisher.SECONDS, self.publisher.beat),
            )
        ]

    async def stop(self) -> bool:
        """Commit every fact and end the tasks; return False if facts are lost."""
        is_kept = await self.recorder.flush(self.limits.flush_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if is_kept:
            await self.presence.finish()
        await self.publisher.finish()
        await self.recovery.stop()
        await self._maker.stop()
        await self.record_maker.stop()
        await self.recorder.stop()
        await self._database.stop()
        await self._lookups.stop()
        await self.pulse.stop()
        await self._housekeeper.stop()
        return is_kept

    async def poll(self) -> None:
        """Read the promises: serve new feeds, fill holes, notice which feeds are running."""
        await self.intake.poll()
        await self._announce()
        for name in self.catalog.feeds:
            await at_most(self.limits.layer_seconds, self._membership.join(name))

    async def _announce(self) -> None:
        """Announce changes, even while a poll waits for the database."""
        await self._announcer.notice_changes(now_us())

    async def admit(self, request: Request) -> Admission:
        """Grant *request*; raises Refusal. There is room for it until the next await."""
        return await self._admissions.admit(request)

    def converse(
        self, caller: Caller, admission: Admission, form: Form, writer: ServedWriter
    ) -> Conversation:
        """Serve *caller*; do not await between `admit` and this call."""
        outlet = Outlet(self.hub, writer, admission.cursors, form)
        sentences = Sentences(caller, outlet, self.recorder)
        return Conversation(
            caller,
            admission,
            outlet,
            reports=Reports(
                caller,
                outlet,
                limits=self.limits,
                screening=self._screening,
                verifier=self.verifier,
                recorder=self.recorder,
            ),
            sentences=sentences,
            texts=Texts(
                caller,
                outlet,
                limits=self.limits,
                sentences=sentences,
                recorder=self.recorder,
            ),
            presence=self.presence,
            recorder=self.recorder,
            replacer=self._replacer,
        )


async def _every(seconds: float, step: Callable[[], Awaitable[None]]) -> None:
    while True:
        heed_cancellation()
        await asyncio.sleep(seconds)
        try:
            await step()
        except Exception:
            log.exception("a periodic task failed and continues")


_nodes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[Node]] = WeakKeyDictionary()


async def get_node(
    clerk: Callable[[], Clerk | None] = lambda: None, limits: Limits = LIMITS
) -> Node:
    """Return the node of this process; the first call starts it, with a *clerk* and *limits*."""
    loop = asyncio.get_running_loop()
    if loop not in _nodes:
        _nodes[loop] = asyncio.ensure_future(_started(Node(limits, clerk())))
    return await asyncio.shield(_nodes[loop])


def started_node() -> Node | None:
    """Return the node of this process once it has read its feeds and serves clients, or None."""
    task = _nodes.get(asyncio.get_running_loop())
    if task is None or not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()


async def stop_node() -> bool:
    """Stop the node of this process, if there is one; return False if facts are lost."""
    task = _nodes.pop(asyncio.get_running_loop(), None)
    return task is None or await (await task).stop()


async def _started(node: Node) -> Node:
    await node.start()
    return node
