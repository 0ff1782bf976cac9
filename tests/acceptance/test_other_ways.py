"""The product in other places: another ASGI server, a changed file, a slow reader."""

from __future__ import annotations

import json
import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

from feeds.core.frames import payloads
from tests.support.judge import judge
from tests.support.stack import CHECKOUT, Stack, until

UPGRADE = (
    b"GET /?feed=arrays HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
"""A connection to arrays as it goes over the wire."""


def test_under_uvicorn(stack: Stack) -> None:
    """The application runs under any ASGI server; a client collects there too."""
    server = stack.program(
        "uvicorn",
        sys.executable,
        "-m",
        "uvicorn",
        "wsproject.asgi:application",
        "--port",
        str(stack.port),
        "--ws",
        "websockets-sansio",
    )
    server.wait_for("Application startup complete")
    stack.generator("--rate=200")
    client = stack.client("alice", "--block-size=50", "--blocks=5", "--feed=users", "--feed=arrays")
    assert client.process.wait(60) == 0, client.said
    session = judge(stack.log("alice"))
    assert len(session.blocks) == 5
    assert stack.rows("SELECT count(*) FROM feeds_blockreport") == [(5,)]
    assert server.stop() == 0
    assert "Traceback" not in server.said
    assert stack.rows("SELECT status FROM feeds_clientsession") == [("left",)]


def test_code_reload(tmp_path: Path) -> None:
    """A changed file restarts the server under its clients, who go on."""
    copy = tmp_path / "checkout"
    for part in ("manage.py", "clientapp", "feeds", "wsproject", "templates", "examples"):
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copy.mkdir()
            shutil.copy(source, copy / part)
    stack = Stack(tmp_path, checkout=copy)
    try:
        server = stack.server(reload=True)
        stack.generator("--rate=50")
        client = stack.client("alice", "--block-size=10")
        client.wait_for("Block 1 received successfully")
        changed = copy / "feeds" / "views.py"
        changed.write_text(changed.read_text() + "\n# changed\n")
        server.wait_for("changed, reloading")
        client.wait_for("Disconnected: the server stops")
        until(lambda: server.said.count("alice connected") == 2, lambda: server.said)
        blocks = client.said.count("received successfully")
        until(lambda: client.said.count("received successfully") > blocks + 2, lambda: client.said)
        assert client.stop() == 0
        judge(stack.log("alice"))
        assert server.stop() == 0
        assert "Traceback" not in server.said
        assert "Error" not in server.said
    finally:
        stack.close()


def test_slow_reader_loses_nothing_and_disturbs_nobody(stack: Stack) -> None:
    """A client that does not read for a while gets everything, in order."""
    stack.server()
    stack.generator("--feed=arrays", "--rate=5000")
    fast = stack.client("fast", "--feed=arrays", "--block-size=1000")
    with socket.create_connection(("127.0.0.1", stack.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(UPGRADE)
        # Meanwhile far more is sent than sockets hold, and than the recent past keeps.
        until(lambda: _blocks(fast.said) >= 15, lambda: fast.said)
        offsets = _read_offsets(slow, 14_000)
    assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
    assert fast.stop() == 0
    judge(stack.log("fast"))


def _blocks(said: str) -> int:
    return said.count("received successfully")


def _read_offsets(reader: socket.socket, count: int) -> list[int]:
    """Read frames until *count* messages came; return their offsets."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += reader.recv(65536)
    data = data.split(b"\r\n\r\n", 1)[1]
    offsets: list[int] = []
    end = time.monotonic() + 60
    while len(offsets) < count:
        assert time.monotonic() < end, f"{len(offsets)} messages came"
        whole = _whole_frames(data)
        for payload in payloads(data[:whole]):
            obj = json.loads(payload)
            if obj["type"] == "message":
                offsets.append(obj["offset"])
        data = data[whole:] + reader.recv(1 << 20)
    return offsets


def _whole_frames(data: bytes) -> int:
    """Return how many bytes of *data* are whole frames."""
    at = 0
    while at + 2 <= len(data):
        size, header = data[at + 1], 2
        if size == 126:
            size, header = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, header = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        if at + header + size > len(data) or len(data) < at + header:
            break
        at += header + size
    return at


def test_who_does_not_read_is_not_read_from(stack: Stack) -> None:
    """A client that only sends is stopped by its own backlog, not kept in memory."""
    stack.server()
    ping = b'{"type":"ping","t0":1}'
    mask = b"\x00\x00\x00\x00"
    frames = (bytes([0x81, 0x80 | len(ping)]) + mask + ping) * 1000
    with socket.create_connection(("127.0.0.1", stack.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(UPGRADE)
        client.settimeout(3)
        # Both kernels' buffers hold some megabytes; the server must not hold the rest.
        with pytest.raises(TimeoutError):
            client.sendall(frames * 2000)
