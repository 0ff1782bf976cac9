"""The end of a consumer by the server or by an error, not by the client."""

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
    """Give the test its own channel layer and node."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    yield
    await stop_node()


class Hanging:
    """A receiver that never returns."""

    def __init__(self) -> None:
        self.has_heard = asyncio.Event()

    async def __call__(self, _text: str) -> bool:
        """Hang."""
        self.has_heard.set()
        await asyncio.Event().wait()
        return True


async def fail(_connection: Conversation, _text: str) -> bool:
    """Fail when the client sends something."""
    raise MemoryError


async def served() -> WebsocketCommunicator:
    """Return a welcomed connection."""
    one = WebsocketCommunicator(application, "/?feed=arrays", subprotocols=[SUBPROTOCOL])
    await one.connect(timeout=PATIENCE_SECONDS)
    await receive(one, "welcome")
    assert len((await get_node()).hub.subscribers) == 1
    return one


async def assert_nobody_is_left_behind() -> None:
    """Check that the hub has no subscriber, and the database has the end."""
    node = await get_node()
    assert len(node.hub.subscribers) == 0
    await node.recorder.flush(PATIENCE_SECONDS)
    rows = Connection.objects.values_list("close_code", "session__status")
    assert await database_sync_to_async(list)(rows) == [(1006, ClientSession.Status.AWAY)]


async def test_cancelled_consumer_leaves_no_subscriber(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that the server cancels leaves no subscriber behind."""
    hanging = Hanging()
    monkeypatch.setattr(Conversation, "receive", hanging)
    one = await served()
    await one.send_to(text_data="anything")
    await asyncio.wait_for(hanging.has_heard.wait(), 10)
    one.future.cancel()
    await asyncio.wait([one.future], timeout=PATIENCE_SECONDS)
    assert one.future.cancelled()
    await assert_nobody_is_left_behind()


async def test_failed_consumer_leaves_no_subscriber(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that fails leaves no subscriber behind."""
    monkeypatch.setattr(Conversation, "receive", fail)
    one = await served()
    await one.send_to(text_data="anything")
    await asyncio.wait([one.future], timeout=PATIENCE_SECONDS)
    assert isinstance(one.future.exception(), MemoryError)
    await assert_nobody_is_left_behind()
