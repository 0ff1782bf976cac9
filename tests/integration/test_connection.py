"""The client's connection when the server hangs."""

import asyncio

from clientapp.connector import Connector
from clientapp.core.protocol import ClientProtocol
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.wire.codec import Json
from clientapp.wire.from_server import Control
from clientapp.wire.message import Message
from tests.support.feed_server import FeedServer
from tools.waiting import PATIENCE_SECONDS

MORE_THAN_A_KERNEL_HOLDS = 25_000_000
"""Bytes that a client sends at once."""


class Talkative:
    """A client that sends much as soon as it is welcomed."""

    def __init__(self, url: str) -> None:
        self.given_up = asyncio.Event()
        session = Session(
            client="alice", session="a-key-of-a-session", url=url, feeds=("users",), block_size=1
        )
        self._protocol = ClientProtocol(session)
        self.connector = Connector(url, self._protocol, self, self, patient=False)
        self.due = asyncio.Event()

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Answer with a very long frame."""
        self._protocol.receive(frame)
        self.due.set()

    def lost(self, reason: str) -> None:
        """Do nothing: a connection is lost before it is given up."""

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Record that the connection was given up."""
        assert reason == "nothing arrived in time"
        self.given_up.set()

    async def to_send(self) -> list[Json]:
        """Answer at length."""
        return [{"padding": "x" * MORE_THAN_A_KERNEL_HOLDS}]


async def test_hanging_server_is_given_up() -> None:
    """Neither unsent data nor a closing handshake delays the next attempt."""
    async with FeedServer() as server:
        server.is_deaf = True
        server.heartbeat = 0.1
        client = Talkative(server.url)
        running = asyncio.ensure_future(client.connector.run())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await client.given_up.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
