"""A hub on ASGI's ``send`` under uvicorn, without a framework."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from publishing import orders, publish

given = orders()
sends: list[Any] = []


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accept, and stay until the client leaves."""
    await receive()
    await send({"type": "websocket.accept"})
    sends.append(send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    sends.remove(send)


async def broadcast(text: str) -> None:
    """Send *text* to the clients one after the other."""
    event = {"type": "websocket.send", "text": text}
    for send in tuple(sends):
        await send(event)


async def main() -> None:
    """Serve and publish."""
    config = uvicorn.Config(
        application,
        port=given.port,
        lifespan="off",
        loop="uvloop",
        log_level="error",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
    publisher = asyncio.ensure_future(publish(given, lambda: len(sends), broadcast))
    await uvicorn.Server(config).serve()
    publisher.cancel()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
