"""
The publisher for nats-server, which is the peer, in the server's own protocol.

PORT is the port of that protocol, not of the WebSockets. The publisher is started
once all clients are connected.
"""

from __future__ import annotations

import asyncio

from publishing import orders, publish

given = orders()


async def main() -> None:
    """Connect and publish."""
    reader, writer = await asyncio.open_connection("127.0.0.1", given.port)
    writer.write(b'CONNECT {"verbose":false}\r\n')
    unanswered = 0

    async def send(text: str) -> None:
        nonlocal unanswered
        writer.write(f"PUB bench {len(text)}\r\n{text}\r\n".encode())
        if given.rate:
            return
        # The server answers a PING once it has passed on all earlier messages. With two
        # in flight it never waits for us; with more it would combine several in a write.
        writer.write(b"PING\r\n")
        unanswered += 1
        while unanswered > 1:
            said = await reader.readline()
            if said == b"PONG\r\n":
                unanswered -= 1
            elif said == b"PING\r\n":
                writer.write(b"PONG\r\n")
            elif not said.startswith(b"INFO "):
                raise SystemExit(said.decode() or "the server has left")

    await publish(given, lambda: given.clients, send)


if __name__ == "__main__":
    asyncio.run(main())
