"""
Many clients in one process, which follow a feed and reconnect.

Each is a bare protocol of asyncio, so a thousand of them cost little compared with the observed
server. They keep no logs and only count.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any

from clientapp.core.backoff import backoff
from feeds.core.frames import payloads
from tests.support.raw_client import text_frame, upgrade, whole_frames
from tools.waiting import PATIENCE_SECONDS


class Follower(asyncio.Protocol):
    """A client with its position and the history of its connections."""

    def __init__(self, port: int, number: int, feed: str) -> None:
        self._port = port
        self._feed = feed
        self._query = (
            f"client=follower-{number}&feed={feed}&session=the-key-of-follower-{number:05}"
        )
        self._data = b""
        self._is_open = False
        self._ended: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._retry_after = 0.0
        self._epoch = ""
        self.offset = 0
        """The last offset received."""
        self.late = 0.0
        """Seconds from the last message's intended time to its receipt."""
        self.missed = 0
        """The number of skipped offsets."""
        self.welcomes = 0
        self.byes: list[tuple[int, float]] = []
        """Code and ``retry_after`` of each farewell."""
        self.closes: list[int | None] = []
        """The code of each close; None for a broken connection."""

    async def run(self) -> None:
        """Stay connected until cancelled."""
        loop = asyncio.get_running_loop()
        delays = backoff(random.random)
        while True:
            welcomes = self.welcomes
            self._ended = loop.create_future()
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self._port)
                await self._ended
            except OSError:
                pass
            finally:
                self.leave()
            if self.welcomes > welcomes:
                delays = backoff(random.random)
            await asyncio.sleep(self._retry_after + next(delays))

    def leave(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the messages after the last one."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""
        self._is_open = False
        self._retry_after = 0.0
        self.closes.append(None)
        after = f"&after={self._feed}:{self._epoch}:{self.offset}" if self._epoch else ""
        transport.write(upgrade(self._query + after))

    def data_received(self, data: bytes) -> None:
        """Read frames from the received data."""
        self._data += data
        if not self._is_open:
            _, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            self._is_open = True
            self._data = rest
        whole = whole_frames(self._data)
        for payload in payloads(self._data[:whole]):
            if payload.startswith(b"{"):
                self._take(json.loads(payload))
            elif self._transport is not None:
                self.closes[-1] = int.from_bytes(payload[:2], "big")
                self._transport.write(text_frame(payload[:2].decode("latin-1"), opcode=8))
        self._data = self._data[whole:]

    def connection_lost(self, error: Exception | None) -> None:
        """Trigger the next connection."""
        assert self._ended is not None
        if not self._ended.done():
            self._ended.set_result(None)

    def _take(self, obj: dict[str, Any]) -> None:
        match obj["type"]:
            case "message":
                self.missed += max(obj["offset"] - self.offset - 1, 0)
                self.offset = max(self.offset, obj["offset"])
                self.late = time.time() - obj["at"] / 1e6
            case "welcome":
                self.welcomes += 1
                state = obj["feeds"][self._feed]
                if not self._epoch:
                    self.offset = state["offset"]
                self._epoch = state["epoch"]
            case "bye":
                self._retry_after = obj["retry_after"]
                self.byes.append((obj["code"], obj["retry_after"]))


class Crowd:
    """A number of followers of one feed."""

    def __init__(self, port: int, size: int, feed: str = "arrays") -> None:
        self.followers = [Follower(port, number, feed) for number in range(size)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, at_once: int = 100) -> None:
        """Connect all followers, *at_once* at a time, to fit the backlog of a port."""
        for index, follower in enumerate(self.followers, 1):
            self._tasks.append(asyncio.create_task(follower.run()))
            if index % at_once == 0 or index == len(self.followers):
                expected = self.followers[:index]
                await until(lambda expected=expected: all(one.welcomes for one in expected))  # type: ignore[misc]

    async def stop(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)
