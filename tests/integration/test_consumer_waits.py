"""The consumer under plain ASGI: a client that does not read gets no answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_django import Settings

from clientapp.wire import SUBPROTOCOL
from feeds.serving.node import stop_node
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

PINGS = 100


class Peer:
    """A client that pings endlessly, behind a server that sends only when allowed."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        """Set while the client reads."""
        self.pongs = 0
        self.pings = 0

    async def receive(self) -> dict[str, Any]:
        """Return the next event of the client."""
        if self.pings == PINGS:
            await asyncio.Event().wait()
        self.pings += 1
        if self.pings == 1:
            return {"type": "websocket.connect"}
        return {"type": "websocket.receive", "text": f'{{"type":"ping","t0":{self.pings}}}'}

    async def send(self, event: dict[str, Any]) -> None:
        """Accept an event of the consumer; wait until the client reads."""
        if event["type"] == "websocket.send":
            await self.reads.wait()
            self.pongs += json.loads(event["text"])["type"] == "pong"


@pytest.fixture
async def peer(settings: Settings, default_feeds: None) -> AsyncIterator[Peer]:
    """Serve a client of the feed arrays."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    one = Peer()
    scope = {"type": "websocket", "path": "/", "query_string": b"feed=arrays", "headers": []}
    scope["subprotocols"] = [SUBPROTOCOL]
    task = asyncio.ensure_future(application(scope, one.receive, one.send))
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stop_node()


async def test_client_that_does_not_read_is_not_answered(peer: Peer) -> None:
    """Frames of a client wait until it has read; then all are answered."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while peer.pings < 2:
            await asyncio.sleep(0.01)
        for _ in range(100):  # turns of the loop, in any of which it could read more
            await asyncio.sleep(0)
        assert peer.pings <= 3
        peer.reads.set()
        while peer.pongs < PINGS - 1:
            await asyncio.sleep(0.01)
