"""The network between a program and a server, which a test can cut."""

from __future__ import annotations

import asyncio

from tests.support.relay import Relay, pipe


class Link(Relay):
    """A port in front of another one of this machine."""

    def __init__(self, port: int) -> None:
        """Lead to *port*."""
        super().__init__()
        self._to = port
        self._is_cut = False
        self._ends: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Abort all connections, and each new one."""
        self._loop.call_soon_threadsafe(self._cut)

    def mend(self) -> None:
        """Accept connections again."""
        self._is_cut = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with the port, unless the link is cut."""
        if self._is_cut:
            writer.transport.abort()
            return
        server = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends |= {writer, server[1]}
        for work in (pipe(reader, server[1]), pipe(server[0], writer)):
            self.start(work)

    def _cut(self) -> None:
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()
