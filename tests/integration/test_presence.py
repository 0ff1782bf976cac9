"""Server processes with one database, each of which watches the leases of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Self

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from feeds.core.hub import Hub
from feeds.core.limits import LIMITS
from feeds.core.subscriber import Subscriber
from feeds.fanout.passes import python_pass
from feeds.layer.replacer import Replacer
from feeds.models import ClientSession, Connection, Lease, Sample
from feeds.running.worker import Worker
from feeds.storing import presence as module
from feeds.storing.facts import Closed
from feeds.storing.presence import Presence
from feeds.storing.recorder import Recorder
from feeds.storing.samples import Sampler
from tests.integration.test_ledger import opened
from tests.support.database import be_impatient, locked
from tests.support.hub_parts import ByHand, Recoveries
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = replace(LIMITS, lost_seconds=1e-9, heartbeat_seconds=1e9)
"""Limits by which a server counts as dead if its lease is the same in two looks."""


class Silent:
    """A writer that takes everything."""

    descriptor = -1

    def write(self, frames: bytes) -> bool:
        """Accept any text."""
        return True


class Server:
    """The parts of a server process that store its presence."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.hub = Hub(AT_ONCE, python_pass, Recoveries(), ByHand())
        self.hub.open_stream("users", 0)
        self.database, sampler = Worker("database"), Sampler(name, 0.0)
        self.recorder = Recorder(AT_ONCE, sampler=sampler)
        self.presence = Presence(
            server=name,
            limits=AT_ONCE,
            hub=self.hub,
            database=self.database,
            sampler=sampler,
            recorder=self.recorder,
            replacer=Replacer(get_channel_layer(), AT_ONCE.layer_seconds),
        )
        self._task = asyncio.ensure_future(self.recorder.run())

    async def serve(self, channel: str, key: str) -> Subscriber:
        """Serve a new client; return its subscriber once its connection is stored."""
        one = self.hub.subscribe(Silent(), {"users": 0})
        self.presence.enter(one, channel, key)
        assert self.recorder.record(opened(channel, key, server=self.name))
        await self.recorder.flush(PATIENCE_SECONDS)
        return one

    def leave(self, one: Subscriber, channel: str, key: str) -> None:
        """End a connection whose client says goodbye."""
        self.presence.leave(one)
        end = Closed(
            session=key, channel=channel, code=1000, reason="", left=True, at=datetime.now(UTC)
        )
        assert self.recorder.record(end)

    async def keep(self) -> None:
        """Do what a heartbeat does, until it is stored."""
        await self.presence.keep()
        await self.recorder.flush(PATIENCE_SECONDS)

    async def close(self) -> None:
        """End its threads."""
        self._task.cancel()
        await self.recorder.stop()
        await self.database.stop()


@pytest.fixture
async def servers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Server]]:
    """Run two servers, whose heartbeats happen when a test says so."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    be_impatient(monkeypatch)
    both = [Server("one"), Server("two")]
    yield both
    for one in both:
        await one.close()


@contextmanager
def clock_ahead(monkeypatch: pytest.MonkeyPatch, seconds: int) -> Iterator[None]:
    """Set the clock by which a server marks itself as alive *seconds* ahead of the others."""

    class Ahead(datetime):
        """The time by that clock."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            """Return the wrong time."""
            return super().now(tz) + timedelta(seconds=seconds)

    with monkeypatch.context() as patch:
        patch.setattr(module, "datetime", Ahead)
        yield


async def statuses() -> dict[str, str]:
    """Return the status of each session by its key."""
    return {row.key: row.status async for row in ClientSession.objects.all()}


async def test_server_that_returns_has_its_sessions_online(servers: list[Server]) -> None:
    """While a server is cut off, its sessions are away; afterwards they are online again."""
    first, second = servers
    await first.serve("c1", "key-of-alice")
    await second.serve("c2", "key-of-bob")
    await first.keep()
    for _ in range(3):
        await second.keep()
    assert await statuses() == {"key-of-alice": "away", "key-of-bob": "online"}
    for _ in range(3):
        await first.keep()
        await second.keep()
        assert set((await statuses()).values()) == {"online"}
    assert await Connection.objects.filter(closed_at=None).acount() == 2
    assert {row.server async for row in Lease.objects.all()} == {"one", "two"}


@pytest.mark.parametrize("seconds", [40, -40, 3600, -3600])
async def test_clocks_of_hosts_are_not_compared(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """A server with a wrong clock closes no clients of other servers, nor do they close its."""
    wrong, right = servers
    with clock_ahead(monkeypatch, seconds):
        await wrong.serve("c1", "key-of-alice")
    await right.serve("c2", "key-of-bob")
    for _ in range(4):
        with clock_ahead(monkeypatch, seconds):
            await wrong.keep()
        await right.keep()
    assert set((await statuses()).values()) == {"online"}
    assert not await Connection.objects.exclude(closed_at=None).aexists()
    samples = [sample.at async for sample in Sample.objects.order_by("at")]
    assert samples[-1] - samples[0] >= timedelta(seconds=abs(seconds) - 1)


async def test_clients_of_a_killed_server_are_away(servers: list[Server]) -> None:
    """The lease of the killed process is removed with its connections."""
    killed, other = servers
    await killed.serve("c1", "key-of-alice")
    await killed.keep()
    await other.keep()
    await other.keep()
    assert await statuses() == {"key-of-alice": "away"}
    assert [row.server async for row in Lease.objects.all()] == ["two"]


async def test_server_that_was_killed_before_its_first_heartbeat(servers: list[Server]) -> None:
    """Connections of a server without a lease are closed after the same time."""
    killed, other = servers
    await killed.serve("c1", "key-of-alice")
    await other.keep()
    assert await statuses() == {"key-of-alice": "online"}
    await other.keep()
    assert await statuses() == {"key-of-alice": "away"}


async def test_unavailable_database_kills_nobody(servers: list[Server]) -> None:
    """No server can raise its counter meanwhile, so each server gets its full time afterwards."""
    first, second = servers
    await first.serve("c1", "key-of-alice")
    await first.keep()
    await second.keep()
    with locked():
        await second.presence.keep()
    await second.keep()
    assert await statuses() == {"key-of-alice": "online"}
    await second.keep()
    assert await statuses() == {"key-of-alice": "away"}


async def test_client_that_moved_meanwhile_is_served_once(servers: list[Server]) -> None:
    """The server that returns ends its old connection as replaced; the new one stays."""
    first, second = servers
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await first.serve(channel, "key-of-alice")
    await first.keep()
    for _ in range(2):
        await second.keep()
    await second.serve("c2", "key-of-alice")
    await first.keep()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await layer.receive(channel) == {"type": "session.replaced"}
    # If that message was lost, the next heartbeat sends it again.
    await second.keep()
    await first.keep()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await layer.receive(channel) == {"type": "session.replaced"}
    assert await statuses() == {"key-of-alice": "online"}
    still_open = Connection.objects.filter(closed_at=None)
    assert [row.channel async for row in still_open] == ["c2"]


async def test_connection_that_ends_while_it_is_opened_again(servers: list[Server]) -> None:
    """The end is committed after the reopening, so the connection does not stay open for ever."""
    first, second = servers
    one = await first.serve("c1", "key-of-alice")
    await first.keep()
    for _ in range(2):
        await second.keep()
    await first.presence.keep()
    first.leave(one, "c1", "key-of-alice")
    await first.recorder.flush(PATIENCE_SECONDS)
    await first.keep()
    assert await statuses() == {"key-of-alice": "left"}
    assert not await Connection.objects.filter(closed_at=None).aexists()


async def test_reopening_is_recorded_once(servers: list[Server]) -> None:
    """While facts wait for the database, heartbeats do not add the same reopening again."""
    first, second = servers
    await first.serve("c1", "key-of-alice")
    await first.keep()
    for _ in range(2):
        await second.keep()
    recorded, record = count(), first.recorder.record
    first.recorder.record = lambda fact, done=None: next(recorded) >= 0 and record(fact, done)  # type: ignore[method-assign]
    first._task.cancel()
    for _ in range(3):
        await first.presence.keep()
    assert next(recorded) == 1


async def test_connection_that_leaves_is_forgotten(servers: list[Server]) -> None:
    """A connection that ends is forgotten, even if its reopening is never answered."""
    first, second = servers
    one = await first.serve("c1", "key-of-alice")
    await first.keep()
    for _ in range(2):
        await second.keep()
    first._task.cancel()
    await first.presence.keep()
    assert first.presence._reopening == {"c1"}
    first.leave(one, "c1", "key-of-alice")
    assert not first.presence._reopening


async def test_ended_server_has_no_lease(servers: list[Server]) -> None:
    """A server that ends in order removes its lease."""
    first, second = servers
    await first.keep()
    await second.keep()
    await first.presence.finish()
    assert [row.server async for row in Lease.objects.all()] == ["two"]
