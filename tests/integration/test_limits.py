"""The limits of a running server; docs/reference/limits.md lists them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from feeds.core.frames import payloads
from feeds.core.hub import Hub
from feeds.core.limits import LIMITS, Limits
from feeds.fanout.passes import python_pass
from feeds.fanout.recovery import Recovery, fastest
from feeds.making.catalog import Catalog
from feeds.making.maker import Maker
from feeds.models import Feed
from feeds.running.worker import Worker
from feeds.serving.node import Node, get_node, stop_node
from feeds.storing import ledger
from feeds.storing.recorder import Recorder
from tests.integration.test_recorder import OPENED, said
from tests.support.database import locked
from tests.support.hub_parts import ByHand
from tests.support.session import client, generate, receive
from tools.waiting import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
async def in_memory_layer(settings: Settings, default_feeds: None) -> AsyncIterator[None]:
    """Give every test its own channel layer and node."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    yield
    await stop_node()


class Heard:
    """A writer that keeps the types of the frames it was given."""

    descriptor = -1

    def __init__(self) -> None:
        self.types: list[str] = []
        self.sizes: list[int] = []
        """Bytes of each write."""

    def write(self, frames: bytes) -> bool:
        """Take everything."""
        self.sizes.append(len(frames))
        self.types += [json.loads(payload)["type"] for payload in payloads(frames)]
        return True


async def until(condition: Any) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def test_number_of_feeds_is_bounded(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the allowed number of feeds exists, the admin refuses another one."""
    monkeypatch.setattr("feeds.admin.forms.LIMITS", replace(LIMITS, feeds=2))
    data = {"name": "prices", "kind": "arrays", "spec": "{}", "seed": "1", "rate": "1"}
    refused = admin_client.post(reverse("admin:feeds_feed_add"), data)
    assert refused.context["adminform"].form.non_field_errors() == [
        "there are 2 feeds, and no more are allowed"
    ]
    feed = Feed.objects.get(name="arrays")
    data |= {"segments-TOTAL_FORMS": "0", "segments-INITIAL_FORMS": "0"}
    changed = admin_client.post(reverse("admin:feeds_feed_change", args=(feed.pk,)), data)
    assert changed.status_code == 302


@asynccontextmanager
async def recovery_of(limits: Limits) -> AsyncIterator[Recovery]:
    """Provide a recovery for the feeds that exist now."""
    database = Worker("database")
    catalog = Catalog(database)
    await catalog.refresh()
    maker = Maker()
    recovery = Recovery(limits, catalog, maker)
    yield recovery
    await recovery.stop()
    await maker.stop()
    await database.stop()


@pytest.mark.parametrize(("seconds", "turns"), [(0.0, 3), (PATIENCE_SECONDS, 1)])
@pytest.mark.django_db(transaction=True)
async def test_turn_seconds(seconds: float, turns: int) -> None:
    """Other work gets a turn between two writes once writing has taken this long."""
    node = Node(replace(LIMITS, turn_seconds=seconds))
    await node.start()
    node.hub.open_stream("many", 0)
    node.hub.publish("many", 1, [b"\x81\x02{}"])
    others = 0
    heard: list[int] = []

    async def work() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    class Noting(Heard):
        def write(self, frames: bytes) -> bool:
            heard.append(others)
            return True

    working = asyncio.ensure_future(work())
    for _ in range(3):
        node.hub.subscribe(Noting(), {"many": 0})
    await until(lambda: len(heard) == 3)
    working.cancel()
    await node.stop()
    assert len(set(heard)) == turns


async def test_recovery_messages() -> None:
    """One step regenerates at most this many messages."""
    await generate(5)
    async with recovery_of(replace(LIMITS, recovery_messages=2)) as recovery:
        assert len(await recovery.lines("arrays", 1, 5)) == 2


async def test_recovery_rate() -> None:
    """A client that catches up gets at most this many messages a second, to protect live ones."""
    await generate(20)
    await database_sync_to_async(Feed.objects.update)(rate=1)
    limits = replace(LIMITS, recovery_rate=40)
    clock = asyncio.get_running_loop().time
    async with recovery_of(limits) as recovery, asyncio.timeout(PATIENCE_SECONDS):
        hub = Hub(limits, python_pass, recovery, ByHand())
        hub.open_stream("arrays", 20)
        heard = Heard()
        await recovery._maker.run(len, "")  # the process is running, so its start does not count
        began = clock()
        hub.subscribe(heard, {"arrays": 0})
        while heard.types.count("message") < 20:
            list(hub.turns())
            await asyncio.sleep(0.01)
    assert clock() - began >= 20 / limits.recovery_rate
    assert fastest(limits, rate=1.0) == limits.recovery_rate
    assert fastest(limits, rate=1000.0) == 2000, (
        "clients must be able to catch up with a faster feed"
    )


@pytest.mark.parametrize("most_bytes", [1, 500, 32_768])
async def test_write_bytes_of_a_recovery(most_bytes: int) -> None:
    """Regenerated messages are written in this size, or as one longer message."""
    await generate(20)
    limits = replace(LIMITS, write_bytes=most_bytes, recovery_messages=8)
    async with recovery_of(limits) as recovery, asyncio.timeout(PATIENCE_SECONDS):
        hub = Hub(limits, python_pass, recovery, ByHand())
        hub.open_stream("arrays", 20)
        heard = Heard()
        hub.subscribe(heard, {"arrays": 0})
        while heard.types.count("message") < 20:
            list(hub.turns())
            await asyncio.sleep(0.01)
    longest = max(heard.sizes)
    assert longest <= most_bytes or len(heard.sizes) == 20
    # At most eight messages in one step of any size; more than one if there is room.
    assert len(heard.sizes) >= 3
    assert (len(heard.sizes) < 20) == (most_bytes > 1)


async def test_commit_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit holds at most this many facts, and all are stored."""
    sizes = []
    commit = ledger.commit

    def noted(facts: Any) -> Any:
        sizes.append(len(facts))
        return commit(facts)

    monkeypatch.setattr(ledger, "commit", noted)
    recorder = Recorder(replace(LIMITS, commit_facts=2))
    assert recorder.record(OPENED)
    for number in range(4):
        assert recorder.record(said(str(number)))
    task = asyncio.ensure_future(recorder.run())
    assert await recorder.flush(PATIENCE_SECONDS)
    task.cancel()
    await recorder.stop()
    assert sizes == [2, 2, 1]


async def test_heartbeat_seconds() -> None:
    """Every reader gets a heartbeat at this interval."""
    node = Node(replace(LIMITS, heartbeat_seconds=0.05))
    await node.start()
    heard = Heard()
    node.hub.subscribe(heard, {"users": 0})
    await until(lambda: heard.types.count("heartbeat") > 1)
    await node.stop()


async def test_poll_seconds_and_push_grace(settings: Settings) -> None:
    """Due messages that were not pushed are regenerated once a poll finds them late."""
    node = Node(replace(LIMITS, poll_seconds=0.05, push_grace_us=1000))
    node._membership._joined.update(("arrays", "users"))  # it receives no notice
    await node.start()
    await generate(3)
    await until(lambda: node.hub.streams["arrays"].head == 3)
    await node.stop()


@pytest.mark.parametrize(("seconds", "first"), [(3600.0, 1), (0.0, 21)])
async def test_bridged_seconds(seconds: float, first: int) -> None:
    """A node that starts recovers the messages that were due in this time before."""
    await generate(20)
    node = Node(replace(LIMITS, bridged_seconds=seconds, recovery_messages=8))
    await node.start()
    stream = node.hub.streams["arrays"]
    await asyncio.gather(*node.recovery._tasks)
    assert stream.first == first
    heard = Heard()
    node.hub.subscribe(heard, {"arrays": stream.first - 1})
    await until(lambda: heard.types.count("message") == 21 - first)
    await node.stop()


async def test_database_seconds() -> None:
    """A call that waits for a hanging database fails after this time."""
    node = Node(replace(LIMITS, database_seconds=0.05))
    await node.start()
    free = Event()
    hanging = asyncio.ensure_future(node._database.run(free.wait))
    await asyncio.sleep(0)  # so that it comes first
    assert not await node.intake.look_again()
    free.set()
    await hanging
    assert await node.intake.look_again()
    await node.stop()


async def test_layer_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the layer hangs, clients are still served, and can leave."""

    async def hang(*_: Any) -> None:
        await asyncio.Event().wait()

    node = await get_node()
    monkeypatch.setattr(node, "limits", replace(LIMITS, layer_seconds=0.01))
    for name in ("group_add", "group_discard"):
        monkeypatch.setattr(type(get_channel_layer()), name, hang)
    async with client() as one:
        await receive(one, "welcome")
        await one.send_to('{"type":"ping","t0":1}')
        await receive(one, "pong")


async def test_frame_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has the limits of its node: a longer frame ends it."""
    node = await get_node()
    monkeypatch.setattr(node, "limits", replace(LIMITS, frame_bytes=30))
    async with client() as one:
        await receive(one, "welcome")
        await one.send_to('{"type":"ping","t0":1}')
        await receive(one, "pong")
        await one.send_to('{"type":"ping","t0":1000000000}')
        refusal = await receive(one, "error")
        assert refusal["text"] == "a frame of 31 bytes arrived; 30 are allowed"


async def test_flush_seconds() -> None:
    """A database that does not answer delays the end of a server by at most this time."""
    recorder = Recorder(replace(LIMITS, flush_seconds=0.05))
    task = asyncio.ensure_future(recorder.run())
    with locked():
        recorder.record(OPENED)
        assert not await recorder.flush(recorder._limits.flush_seconds)
    assert await recorder.flush(PATIENCE_SECONDS)
    task.cancel()
    await recorder.stop()


async def test_recovered_messages_fit_into_a_write() -> None:
    """Regenerated messages are written in portions of at most one write."""
    await generate(20)
    limits = replace(LIMITS, write_bytes=500, recent_messages=1)
    async with recovery_of(limits) as recovery, asyncio.timeout(PATIENCE_SECONDS):
        hub = Hub(limits, python_pass, recovery, ByHand())
        stream = hub.open_stream("arrays", 20)
        assert stream.first == 21
        heard = Heard()
        hub.subscribe(heard, {"arrays": 0})
        while len(heard.types) < 20:
            list(hub.turns())
            await asyncio.sleep(0.01)
    assert max(heard.sizes) <= 500
