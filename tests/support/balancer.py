"""A TCP load balancer in a thread: each connection goes to the next available server."""

from __future__ import annotations

import asyncio

from tests.support.relay import Relay, pipe
from tests.support.stack import free_port


class Balancer(Relay):
    """One port in front of several servers of this machine."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__(free_port())
        self._ports = ports

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let the next available server serve a client."""
        for _ in self._ports:
            self._ports.append(self._ports.pop(0))
            try:
                server = await asyncio.open_connection("127.0.0.1", self._ports[0])
            except OSError:
                continue
            for work in (self.forward(reader, server[1]), pipe(server[0], writer)):
                self.start(work)
            return
        writer.transport.abort()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward what a client sends."""
        await pipe(reader, writer)
