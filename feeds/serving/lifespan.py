"""The lifespan of the application, for ASGI servers that support it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from feeds.serving.node import get_node, stop_node


async def lifespan(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Start the node before the first connection; stop it after the last."""
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            await get_node()
            await send({"type": "lifespan.startup.complete"})
        else:
            await stop_node()
            await send({"type": "lifespan.shutdown.complete"})
            return
