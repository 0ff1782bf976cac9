"""A TCP load balancer in a thread: each connection goes to the next server that is there."""

from __future__ import annotations

import asyncio

from tests.support.relay import Relay
from tests.support.stack import free_port


class Balancer(Relay):
    """One port before several servers of this machine."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__(free_port())
        self._ports = ports

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let the next server that is there serve a client."""
        for _ in self._ports:
            self._ports.append(self._ports.pop(0))
            try:
                server = await asyncio.open_connection("127.0.0.1", self._ports[0])
            except OSError:
                continue
            for pipe in (self.forward(reader, server[1]), _pipe(server[0], writer)):
                self.start(pipe)
            return
        writer.transport.abort()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what a client says."""
        await _pipe(reader, writer)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until the end, and the end too."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()
