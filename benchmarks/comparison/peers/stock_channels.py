"""
Plain Channels on plain Daphne: a consumer for each client, in one group.

The arguments after ``PORT CLIENTS RATE`` are a layer (``memory``, ``pubsub`` or
``core``) and the address of its server. The publisher waits for consumers that are
more than a few messages behind; otherwise the layers drop messages over capacity.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from publishing import orders, publish

LAYERS = {
    "memory": "channels.layers.InMemoryChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
    "core": "channels_redis.core.RedisChannelLayer",
}
AHEAD = 8
"""Messages that the publisher may be ahead of the slowest half of consumers."""

given = orders()
config = {} if sys.argv[4] == "memory" else {"hosts": sys.argv[5:]}
settings.configure(
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": LAYERS[sys.argv[4]], "CONFIG": config}},
)
django.setup()

connected = 0
delivered = 0


class Client(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels is not typed
    """A consumer that forwards its group's messages."""

    groups = ("bench",)

    async def connect(self) -> None:
        """Count this client."""
        global connected  # noqa: PLW0603  one peer, one process
        await self.accept()
        connected += 1

    async def bench_message(self, event: dict[str, Any]) -> None:
        """Send one message."""
        global delivered  # noqa: PLW0603
        await self.send(text_data=event["text"])
        delivered += 1


async def main() -> None:
    """Publish as ordered."""
    layer = get_channel_layer()
    sent = 0

    async def send(text: str) -> None:
        nonlocal sent
        await layer.group_send("bench", {"type": "bench.message", "text": text})
        sent += 1
        while not given.rate and sent * given.clients - delivered > AHEAD * given.clients:
            await asyncio.sleep(0.001)

    await publish(given, lambda: connected, send)


if __name__ == "__main__":
    from daphne.server import Server
    from twisted.internet import reactor

    server = Server(
        Client.as_asgi(),
        endpoints=[f"tcp:port={given.port}:interface=127.0.0.1:backlog=1024"],
        signal_handlers=False,
        verbosity=0,
    )
    reactor.callWhenRunning(lambda: setattr(server, "publisher", asyncio.ensure_future(main())))
    server.run()
