"""
A small balancer of TCP connections: each goes to the next server that answers.

Run as ``python -m tools.chaos.hosts.balancer PORT ADDRESS:PORT ...``.
"""

from __future__ import annotations

import argparse
import asyncio

from tests.support.relay import pipe

CONNECT_SECONDS = 1.0
"""Time for a server to answer before the next one is tried."""


class Balancer:
    """Connections to *servers* in turn."""

    def __init__(self, servers: list[tuple[str, int]]) -> None:
        self._servers = servers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with a server, until one of them ends the connection."""
        for _ in self._servers:
            self._servers.append(self._servers.pop(0))
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    server = await asyncio.open_connection(*self._servers[0])
            except OSError:
                continue
            await asyncio.gather(pipe(reader, server[1]), pipe(server[0], writer))
            return
        writer.transport.abort()


async def main(port: int, servers: list[tuple[str, int]]) -> None:
    """Listen at all addresses, until killed."""
    listening = await asyncio.start_server(Balancer(servers).serve, "0.0.0.0", port)  # noqa: S104  of its namespace
    await listening.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tools.chaos.hosts.balancer", description="Balance TCP.")
    parser.add_argument("port", type=int, help="port to listen on")
    parser.add_argument("servers", nargs="+", metavar="ADDRESS:PORT", help="a server")
    options = parser.parse_args()
    addresses = [address.rpartition(":") for address in options.servers]
    asyncio.run(main(options.port, [(host, int(port)) for host, _, port in addresses]))
