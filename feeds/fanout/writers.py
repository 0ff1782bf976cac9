"""A writer for servers that offer only ASGI's ``send``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from feeds.core.frames import payloads

Send = Callable[[dict[str, Any]], Awaitable[None]]


class SendWriter:
    """
    Sends frames through ASGI, one event each: correct anywhere, but slower.

    It accepts any frames, then asks for no more until all of them are sent; the
    server's own backpressure makes ``send`` wait.
    """

    descriptor = -1
    """There is no socket here."""

    def __init__(self, send: Send) -> None:
        self.held: Callable[[], None] = lambda: None
        """Never called: `write` always returns False instead."""
        self.drained: Callable[[], None] = lambda: None
        """Called when all accepted frames have been sent."""
        self._send = send
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    def write(self, frames: bytes) -> bool:
        """Accept whole frames; always return False: wait for `drained`."""
        self._waiting.append(frames)
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
        return False

    async def flush(self) -> None:
        """Wait until all accepted frames have been sent."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while self._waiting:
                frames = b"".join(self._waiting)
                self._waiting.clear()
                for payload in payloads(frames):
                    await self._send({"type": "websocket.send", "text": payload.decode()})
        except Exception:  # noqa: BLE001  the socket is closed; a disconnect event follows
            self._waiting.clear()
            return
        finally:
            self._task = None
        self.drained()
