"""uWebSockets (C++) through socketify, with one topic."""

from __future__ import annotations

import sys
from typing import Any

from publishing import orders, publish
from socketify import App, AppListenOptions, OpCode

given = orders()
clients: list[Any] = []
app = App()


def joined(client: Any) -> None:
    """Subscribe a client to the topic."""
    client.subscribe("bench")
    clients.append(client)


async def send(text: str) -> None:
    """Publish *text*."""
    app.publish("bench", text, OpCode.TEXT)


def waiting() -> list[int]:
    """Return the bytes that wait for each client."""
    return [client.get_buffered_amount() for client in clients]


app.ws(
    "/*",
    {
        "compression": 0,
        "idle_timeout": 0,
        "max_backpressure": 16 * 1024 * 1024,
        "open": joined,
        "close": lambda client, code, message: sys.exit(0),
    },
)
app.listen(AppListenOptions(port=given.port, host="127.0.0.1"))
app.loop.run_async(publish(given, lambda: len(clients), send, waiting))
app.run()
