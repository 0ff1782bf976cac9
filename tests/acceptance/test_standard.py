"""A real server and RFC 6455: the standard's cases, and the ways to ask for a WebSocket."""

from __future__ import annotations

import pytest

from clientapp.wire.closing import Close
from tests.support import rfc6455
from tests.support.raw_client import RawClient, upgrade, whole_frames
from tests.support.raw_http import RawHttp
from tests.support.rfc6455 import CLOSE, PING, PONG, Case, masked
from tests.support.stack import Stack

LAST = b"the last ping"


def test_every_case_of_the_standard(stack: Stack) -> None:
    """The server answers each case as RFC 6455 requires, and keeps serving."""
    server = stack.server()
    outcomes, wanted = {}, {}
    for case in rfc6455.cases():
        outcomes[case.name] = outcome(stack.port, case)
        code = Close.LIMIT.value if case.code == rfc6455.LARGE else case.code
        wanted[case.name] = case.pongs if code is None else (*case.pongs, code)
    assert outcomes == wanted
    assert "Traceback" not in server.said


def outcome(port: int, case: Case) -> tuple[bytes | int, ...]:
    """Return the server's answer to a case: pongs, and the code of its close frame."""
    with RawClient(port, "client=case&feed=arrays", is_plain=True) as client:
        client.socket.sendall(case.sent + masked(PING, LAST))
        found: list[bytes | int] = []
        data = b""
        while True:
            more = client.socket.recv(2**16)
            assert more, (case.name, data)
            data += more
            whole = whole_frames(data)
            for opcode, content in split(data[:whole]):
                if opcode == CLOSE:
                    return *found, int.from_bytes(content[:2], "big") if content else 1005
                if opcode == PONG and content == LAST:
                    return tuple(found)
                if opcode == PONG:
                    found.append(content)
            data = data[whole:]


def split(frames: bytes) -> list[tuple[int, bytes]]:
    """Return opcode and content of a server's frames."""
    found, at = [], 0
    while at < len(frames):
        size, start = frames[at + 1], at + 2
        if size > 125:
            length = 2 if size == 126 else 8
            size, start = int.from_bytes(frames[start : start + length], "big"), start + length
        found.append((frames[at] & 0x0F, frames[start : start + size]))
        at = start + size
    return found


@pytest.mark.parametrize("size", [1, 7, 60])
def test_request_in_pieces_opens_a_websocket(stack: Stack, size: int) -> None:
    """A request for a WebSocket may arrive in any pieces, also after another request."""
    stack.server()
    request = upgrade("feed=arrays", is_plain=True)
    with RawHttp(stack.port) as client:
        for first in (b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
            if first:
                client.socket.sendall(first)
                assert client.answer().status == 200
        for at in range(0, len(request), size):
            client.socket.sendall(request[at : at + size])
        client.socket.sendall(masked(PING, LAST))
        assert client.answer().status == 101
        assert LAST in client.socket.recv(2**16)


def test_frames_sent_with_the_request_are_read(stack: Stack) -> None:
    """A client need not wait for the answer before it sends."""
    stack.server()
    with RawHttp(stack.port) as client:
        client.socket.sendall(upgrade("feed=arrays", is_plain=True) + masked(PING, LAST))
        assert client.answer().status == 101
        assert LAST in client.socket.recv(2**16)


def test_wrong_request_for_a_websocket_gets_a_sentence(stack: Stack) -> None:
    """A wrong handshake is refused with a sentence, which names the version that works."""
    stack.server()
    good = upgrade("feed=arrays", is_plain=True)
    for wrong, right, status, sentence in (
        (b"Version: 8", b"Version: 13", 426, "A WebSocket needs the header Sec-WebSocket-Version"),
        (b"Key: x", b"Key: dGhlIHNhbXBsZSBub25jZQ==", 400, "A WebSocket needs a Sec-WebSocket-Key"),
        (b"Connection: close", b"Connection: Upgrade", 400, "A WebSocket needs the header Conn"),
        (b"POST /", b"GET /", 405, "A WebSocket needs the method GET."),
        (b" HTTP/1.0", b" HTTP/1.1", 400, "This is not a valid request for a WebSocket"),
    ):
        with RawHttp(stack.port) as client:
            client.socket.sendall(good.replace(right, wrong))
            answer = client.answer()
        assert (answer.status, answer.body[: len(sentence)]) == (status, sentence)
        assert "Sec-WebSocket-Version: 13" in answer.headers or status != 426
