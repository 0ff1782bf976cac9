"""A server in its own thread, which leaves nothing behind when its test ends."""

from __future__ import annotations

import asyncio
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

END_TURNS = 10
"""Turns of the loop at the end: each may find work that started in the previous one."""


class Relay(ABC):
    """One port between clients and a server."""

    tls: ssl.SSLContext | None = None
    """The TLS context, if the relay terminates TLS."""

    def __init__(self, port: int = 0) -> None:
        """Prepare to listen at *port* on entry; 0 means any port."""
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"ws://127.0.0.1:{self.port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.tls)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @abstractmethod
    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new client."""

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* until it is done or the relay ends."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.start(self.connect(reader, writer))

    async def _end(self) -> None:
        self._server.close()
        for _ in range(END_TURNS):
            # A turn in which connections that were just accepted, or shook hands, get their task.
            await asyncio.sleep(0)
            # All tasks of the loop, because asyncio accepts a connection in a task of its own.
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Also transports that wait for the end of TLS, or hold data that is not read.
            for transport in list(self._loop._transports.values()):  # type: ignore[attr-defined]
                transport.abort()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward data until the end, and then the end itself."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()
