"""The client where there is no server, or none that is a feed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.support.client_process import Lifted


@pytest.fixture
def nowhere() -> Iterator[str]:
    """Keep a port where nobody listens; yield its URL."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{held.getsockname()[1]}/"


async def test_interrupt_while_waiting(nowhere: str, lifted: Lifted) -> None:
    """Ctrl-C ends a client that waits for a server, with exit code 0."""
    client = await lifted.run("--url", nowhere, "--name", "alice")
    line = await client.line()
    assert line.startswith(f"no server at {nowhere} yet (connection refused); trying again in ")
    client.interrupt()
    code, output, errors = await client.end()
    assert (code, errors) == (0, "")
    assert output.splitlines()[-1] == "log logs/alice.log"


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """Run a server that is no feed: it says *answer* to everybody; yield its URL."""

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(say, "127.0.0.1") as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            "it answers with HTTP status 503",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "did not receive a valid HTTP response"),
        (b"", "it hung up during the handshake"),
    ],
)
async def test_no_feed_there_yet(lifted: Lifted, answer: bytes, reason: str) -> None:
    """What answers, but not as a feed, is waited for."""
    async with answering(answer) as url:
        client = await lifted.run("--url", url, "--json")
        assert (await client.event("waiting"))["reason"] == reason


async def test_wrong_address(lifted: Lifted) -> None:
    """A web server that has no feed there refuses the client."""
    async with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        client = await lifted.run("--url", url)
        code, _, errors = await client.end()
    assert (code, errors) == (3, f"{url} refuses this client: it answers with HTTP status 404\n")


async def test_no_wait(nowhere: str, lifted: Lifted) -> None:
    """With --no-wait a server that is not there ends the client with exit code 1."""
    client = await lifted.run("--url", nowhere, "--no-wait")
    code, output, errors = await client.end()
    assert (code, output) == (1, "")
    assert errors == f"no server at {nowhere} (connection refused)\n"
