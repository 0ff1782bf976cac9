"""
Generated nonsense at every interface of a real server.

``BLOCKFEED_FUZZ`` is the number of inputs, ``BLOCKFEED_SEED`` their seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections import Counter
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI
from websockets.typing import Subprotocol

from clientapp.wire import SUBPROTOCOL
from clientapp.wire.closing import Close
from tests.support.nonsense import Nonsense
from tests.support.stack import Stack, until
from tools.waiting import PATIENCE_SECONDS

INPUTS = int(os.environ.get("BLOCKFEED_FUZZ", "2000"))
SEED = int(os.environ.get("BLOCKFEED_SEED", "1"))
ANSWER_SECONDS = 0.5
"""A complete request is answered within this time; an incomplete one never is."""
BURST = 20
"""Frames between two checks that the server still answers."""
OFFERED = [Subprotocol(SUBPROTOCOL)]
BY_THE_STANDARD = {1002, 1003, 1007, 1009}
"""Codes for a peer that violates RFC 6455 itself."""


class Witness:
    """A client of the feed arrays that must not notice the nonsense."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}?client=witness&feed=arrays"
        self.offsets: list[int] = []
        self.closed = False

    async def run(self) -> None:
        """Collect offsets until cancelled."""
        async with connect(self._url) as socket:
            async for text in socket:
                obj = json.loads(text)
                if obj["type"] == "message":
                    self.offsets.append(obj["offset"])
        self.closed = True

    async def advance(self) -> None:
        """Wait until one more message has arrived."""
        before = len(self.offsets)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.offsets) == before:
                await asyncio.sleep(0.01)


async def say_nonsense(url: str, nonsense: Nonsense, count: int) -> Counter[int]:
    """Send *count* bad frames, over as many connections as needed."""
    ends: Counter[int] = Counter()
    while count > 0:
        query = "client=mallory&feed=arrays&block_size=3"
        async with connect(f"{url}?{query}", max_size=None, subprotocols=OFFERED) as socket:
            try:
                while count > 0:
                    for _ in range(min(BURST, count)):
                        count -= 1
                        await socket.send(nonsense.frame())
                    await _answered(socket, count)
            except ConnectionClosed as closed:
                # Without a close frame the code is 0, which the server must never cause.
                ends[closed.rcvd.code if closed.rcvd else 0] += 1
    return ends


async def _answered(socket: ClientConnection, number: int) -> None:
    await socket.send(json.dumps({"type": "ping", "t0": number}))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            obj = json.loads(await socket.recv())
            if obj["type"] == "pong" and obj["t0"] == number:
                return


async def ask_nonsense(url: str, nonsense: Nonsense, count: int) -> Counter[int]:
    """Connect to *count* URLs that may be wrong; return the close codes."""
    ends: Counter[int] = Counter()
    for _ in range(count):
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async with connect(f"{url}?{nonsense.query()}", subprotocols=OFFERED) as socket:
                    first = json.loads(await socket.recv())
                    if first["type"] == "error":
                        assert len(first["text"]) < 400
                        await socket.wait_closed()
                assert first["type"] in {"welcome", "error"}
                ends[socket.close_code or 0] += 1
        except (InvalidHandshake, InvalidMessage, InvalidURI):
            ends[0] += 1  # refused before there was a WebSocket
    return ends


async def send_nonsense(port: int, nonsense: Nonsense, count: int) -> Counter[str]:
    """Send *count* requests that may be HTTP; return the status codes."""
    answers: Counter[str] = Counter()
    for _ in range(count):
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                request = nonsense.request()
                writer.write(request)
                async with asyncio.timeout(ANSWER_SECONDS):
                    line = await reader.readline()
                code = line[9:12].decode("latin-1")
                answers[code] += 1
                assert not code.startswith("5"), request
            except (ConnectionError, TimeoutError):
                answers[""] += 1  # an incomplete request, which the server waits for
            finally:
                writer.transport.abort()
    return answers


@pytest.fixture
def busy(stack: Stack) -> Stack:
    """Give a test a server whose feed arrays runs at 100 messages a second."""
    stack.run("generate", "--feed", "arrays", "--rate", "100", "--count", "1")
    return stack


def test_nonsense_affects_no_other_client(busy: Stack) -> None:
    """Every input is answered or refused; nothing fails, hangs, or affects other clients."""
    server = busy.server()
    generator = busy.generator("--feed", "arrays")

    async def run() -> tuple[Witness, Counter[int], Counter[int], Counter[str]]:
        witness = Witness(busy.url)
        watching = asyncio.ensure_future(witness.run())
        await witness.advance()
        senders = (send_nonsense(busy.port, Nonsense(SEED + n), INPUTS // 40) for n in range(8))
        said, asked, sent = await asyncio.gather(
            say_nonsense(busy.url, Nonsense(SEED), INPUTS * 6 // 10),
            ask_nonsense(busy.url, Nonsense(SEED + 1), INPUTS * 2 // 10),
            asyncio.gather(*senders),
        )
        await witness.advance()
        assert not witness.closed
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return witness, said, asked, sum(sent, Counter())

    witness, said, asked, sent = asyncio.run(run())

    offsets = witness.offsets
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    assert said.keys() <= set(Close) | BY_THE_STANDARD, said
    assert asked.keys() <= set(Close) | {0}, asked
    assert asked[Close.BAD_REQUEST] > 0
    assert {"400", "404", "405"} <= sent.keys(), sent
    with urlopen(f"http://127.0.0.1:{busy.port}/") as page:
        assert page.status == 200
    assert generator.stop() == 0
    assert server.stop(signal.SIGINT) == 0
    lines = server.said.splitlines()
    wrong = ("Traceback", "Exception", "ERROR", "Error:", "\x1b", "\0")
    found = [line for line in lines if any(word in line for word in wrong)]
    assert not found, server.said


def test_huge_frame_is_refused_by_its_length(stack: Stack) -> None:
    """The server reads only the length of a frame that is too large."""
    stack.server()

    async def run() -> tuple[str, int | None]:
        async with connect(stack.url, subprotocols=OFFERED) as socket:
            most = json.loads(await socket.recv())["limits"]["frame_bytes"]
            with contextlib.suppress(ConnectionClosed):
                await socket.send("x" * (most + 1))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (said := json.loads(await socket.recv()))["type"] != "error":
                    pass
                await socket.wait_closed()
            return said["text"], socket.close_code

    text, code = asyncio.run(run())
    assert text == "a frame of 262145 bytes arrived; 262144 are allowed"
    assert code == Close.LIMIT


def test_any_site_may_connect(stack: Stack) -> None:
    """As docs/how-to/production.md says: any site, any name, and a session per connection."""
    stack.server()
    query = "client=alice&feed=users&feed=arrays"

    async def say(origin: str) -> None:
        headers = {"Origin": origin}
        async with connect(
            f"{stack.url}?{query}", additional_headers=headers, subprotocols=OFFERED
        ) as socket:
            assert json.loads(await socket.recv())["type"] == "welcome"
            await socket.send(f"from {origin}")

    for origin in ("https://elsewhere.example", "null"):
        asyncio.run(say(origin))
    stored = (
        "SELECT client, session_id, text FROM feeds_clientmessage AS message "
        "JOIN feeds_clientsession AS session ON session.id = message.session_id"
    )
    until(lambda: len(stack.rows(stored)) == 2, lambda: str(stack.rows(stored)))
    # A text is handled after its connection has ended, perhaps after the text of the next one.
    assert sorted((client, text) for client, _, text in stack.rows(stored)) == [
        ("alice", "from https://elsewhere.example"),
        ("alice", "from null"),
    ]
    assert len({session for _, session, _ in stack.rows(stored)}) == 2


def test_stopping_server_gives_the_reason(stack: Stack) -> None:
    """Clients of a stopping server get 4001 and the reason, plain ones in the close frame."""
    server = stack.server()

    async def run() -> tuple[dict[str, object], list[tuple[int | None, str | None]]]:
        async with (
            connect(stack.url, subprotocols=OFFERED) as socket,
            connect(stack.url) as plain,
            asyncio.timeout(PATIENCE_SECONDS),
        ):
            await socket.recv()
            await plain.send("hello")
            while not await asyncio.to_thread(stack.rows, "SELECT 1 FROM feeds_clientmessage"):
                await asyncio.sleep(0.05)
            server.process.send_signal(signal.SIGINT)
            while (said := json.loads(await socket.recv()))["type"] != "bye":
                pass
            with pytest.raises(ConnectionClosed):
                await plain.recv()
            await socket.wait_closed()
            return said, [(one.close_code, one.close_reason) for one in (socket, plain)]

    said, closes = asyncio.run(run())
    assert said["code"] == Close.DRAIN
    assert closes == [(Close.DRAIN, said["reason"])] * 2
    assert server.process.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("cookies", [("a",), ("a", "b")], ids=["a-line", "lines"])
def test_large_headers_are_answered(stack: Stack, cookies: tuple[str, ...]) -> None:
    """Headers beyond 16 KiB, in one line or in several, get 431 and a sentence."""
    stack.server()
    size = 20_000 // len(cookies)
    lines = "".join(f"Cookie: {name}={'x' * size}\r\n" for name in cookies)
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 431 ")
    assert f"Content-Length: {len(body)}" in head
    assert body.startswith("The headers of this request are larger than 16,384 bytes.")
