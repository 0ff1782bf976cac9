"""picows, a WebSocket library in Cython, on uvloop."""

from __future__ import annotations

from typing import Any

import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_create_server
from publishing import orders, publish

given = orders()
clients: set[Any] = set()


class Client(WSListener):  # type: ignore[misc]  # picows is not installed where types are checked
    """A connection that keeps its transport while it is open."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Count this client."""
        clients.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget this client."""
        clients.discard(transport)


async def send(text: str) -> None:
    """Send *text* to all."""
    data = text.encode()
    for client in clients:
        client.send(WSMsgType.TEXT, data)


def waiting() -> list[int]:
    """Return the bytes that wait for each client."""
    return [client.underlying_transport.get_write_buffer_size() for client in clients]


async def main() -> None:
    """Serve and publish."""
    server = await ws_create_server(
        lambda _: Client(), "127.0.0.1", given.port, backlog=1024, enable_auto_ping=False
    )
    async with server:
        await publish(given, lambda: len(clients), send, waiting)


if __name__ == "__main__":
    uvloop.run(main())
