"""``broadcast()`` of python-websockets on uvloop."""

from __future__ import annotations

from typing import Any

import uvloop
from publishing import orders, publish
from websockets.asyncio.server import ServerConnection, broadcast, serve

given = orders()
clients: set[ServerConnection] = set()


async def handle(client: ServerConnection) -> None:
    """Stay until the client leaves."""
    clients.add(client)
    await client.wait_closed()
    clients.discard(client)


async def send(text: str) -> None:
    """Send *text* to all; broadcast itself never waits."""
    broadcast(clients, text)


def waiting() -> list[int]:
    """Return the bytes that wait for each client."""
    return [client.transport.get_write_buffer_size() for client in clients]


async def main() -> None:
    """Serve and publish."""
    options: dict[str, Any] = {"compression": None, "ping_interval": None, "backlog": 1024}
    async with serve(handle, "127.0.0.1", given.port, **options):
        await publish(given, lambda: len(clients), send, waiting)


if __name__ == "__main__":
    uvloop.run(main())
