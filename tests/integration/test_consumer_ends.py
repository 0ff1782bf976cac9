"""The end of a consumer that no client asked for: by the server, or by an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from pytest_django import Settings

from clientapp.wire import SUBPROTOCOL
from feeds.models import ClientSession, Connection
from feeds.serving.conversation import Conversation
from feeds.serving.node import get_node, stop_node
from tests.support.session import receive
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application


@pytest.fixture(autouse=True)
async def node(settings: Settings, default_feeds: None) -> AsyncIterator[None]:
    """Give the test a layer and a node of its own."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    yield
    await stop_node()


class Hanging:
    """Takes what a client says and never comes back."""

    def __init__(self) -> None:
        self.has_heard = asyncio.Event()

    async def __call__(self, _text: str) -> bool:
        """Hang."""
        self.has_heard.set()
        await asyncio.Event().wait()
        return True


async def fail(_connection: Conversation, _text: str) -> bool:
    """Take what a client says and fail."""
    raise MemoryError


async def served() -> WebsocketCommunicator:
    """Return a connection that was welcomed."""
    one = WebsocketCommunicator(application, "/?feed=arrays", subprotocols=[SUBPROTOCOL])
    await one.connect(timeout=PATIENCE_SECONDS)
    await receive(one, "welcome")
    assert len((await get_node()).hub.subscribers) == 1
    return one


async def assert_nobody_is_left_behind() -> None:
    """Nobody is on the hub, and in the database the end is stored."""
    node = await get_node()
    assert len(node.hub.subscribers) == 0
    await node.recorder.flush(PATIENCE_SECONDS)
    rows = Connection.objects.values_list("close_code", "session__status")
    assert await database_sync_to_async(list)(rows) == [(1006, ClientSession.Status.AWAY)]


async def test_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits no more for a consumer leaves no client behind."""
    hanging = Hanging()
    monkeypatch.setattr(Conversation, "receive", hanging)
    one = await served()
    await one.send_to(text_data="anything")
    await asyncio.wait_for(hanging.has_heard.wait(), 10)
    one.future.cancel()
    await asyncio.wait([one.future], timeout=PATIENCE_SECONDS)
    assert one.future.cancelled()
    await assert_nobody_is_left_behind()


async def test_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a consumer that fails."""
    monkeypatch.setattr(Conversation, "receive", fail)
    one = await served()
    await one.send_to(text_data="anything")
    await asyncio.wait([one.future], timeout=PATIENCE_SECONDS)
    assert isinstance(one.future.exception(), MemoryError)
    await assert_nobody_is_left_behind()
