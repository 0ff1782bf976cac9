# Needs: pip install blockfeed channels pytest websockets
import asyncio

import django
from blockfeed.testing import Blockfeed
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from websockets.asyncio.client import connect

settings.configure()  # those of the project under test
django.setup()


class Relay(AsyncWebsocketConsumer):
    """The Channels consumer under test: it relays a feed to its client."""

    upstream = ""

    async def connect(self) -> None:
        await self.accept()
        self.relaying = asyncio.create_task(self.relay())

    async def relay(self) -> None:
        async with connect(self.upstream) as server:
            async for line in server:
                await self.send(text_data=str(line))

    async def disconnect(self, code: int) -> None:
        self.relaying.cancel()


def test_relay_loses_nothing(blockfeed: Blockfeed) -> None:
    async def scenario() -> list[str]:
        client = WebsocketCommunicator(Relay.as_asgi(), "/")
        await client.connect()
        got = [await client.receive_from(timeout=60) for _ in range(200)]
        await client.disconnect()
        return got

    Relay.upstream = blockfeed.url("arrays", rate=100)
    blockfeed.check("arrays", asyncio.run(scenario()))
