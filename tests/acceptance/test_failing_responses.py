"""Streamed responses: one that fails breaks only its connection, and none outruns its reader."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.failing_urls import PART
from tests.support.raw_client import RawClient
from tests.support.stack import Stack
from tools.waiting import PATIENCE_SECONDS, until

MOST_BUFFERED = 500
"""Parts of 64 KB that a connection may hold: more than the system's buffers of both ends."""


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Stack]:
    """Return an installation with responses that fail."""
    stack = Stack(tmp_path, settings="tests.support.failing_settings")
    yield stack
    stack.close()


def get(stack: Stack, path: str) -> tuple[int, bytes]:
    """Return status and body; raises an error if the response is not whole."""
    with closing(
        http.client.HTTPConnection("127.0.0.1", stack.port, timeout=PATIENCE_SECONDS)
    ) as connection:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return response.status, response.read()


def test_response_that_fails_midway_is_broken_off(failing: Stack) -> None:
    """The client gets a broken response, the log says why, and all other clients are served."""
    server = failing.server()
    with RawClient(failing.port) as client:
        client.wait_for("welcome")
        assert get(failing, "/fails/never") == (200, 3 * PART)
        # Several: each failure used to end the housekeeping, and so the next ones hung.
        for _ in range(2):
            with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
                get(failing, "/fails/midway")
            status, body = get(failing, "/fails/start")
            assert (status, b"Internal Server Error" in body) == (500, True)
        assert "no more rows" in server.said
        assert "the response to /fails/midway was broken off after it had begun" in server.said
        client.socket.sendall(b"\x89\x80\0\0\0\0")  # a ping
        while b"\x8a\x00" not in client.socket.recv(4096):
            pass
    assert server.stop() == 0


def test_streamed_response_waits_for_its_reader(failing: Stack) -> None:
    """A response is made as fast as its client reads, and ends with its client."""
    server = failing.server()
    with closing(socket.create_connection(("127.0.0.1", failing.port))) as reader:
        reader.sendall(b"GET /endless HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reader.recv(1, socket.MSG_PEEK)
        before, now = -1, made(failing)["parts"]
        while now != before:  # the system's buffers take some megabytes
            time.sleep(0.3)
            before, now = now, made(failing)["parts"]
        assert now < MOST_BUFFERED
        while made(failing)["parts"] < 3 * now:
            assert len(reader.recv(2**20)) > 0
        assert made(failing)["ended"] == 0
    until(lambda: made(failing)["ended"] == 1, lambda: server.said)
    assert "Traceback" not in server.said
    assert server.stop() == 0


def made(stack: Stack) -> dict[str, int]:
    """Return the server's record of its endless response."""
    found: dict[str, int] = json.loads(get(stack, "/counted")[1])
    return found


def test_cancelled_request_is_not_reported(failing: Stack) -> None:
    """The log has the tracebacks of real faults, but none of a request whose client left."""
    server = failing.server()
    for what in ("cancelled", "broken"):
        assert get(failing, f"/abandons/{what}") == (200, b"")
    server.wait_for("a real fault")
    assert server.said.count("was never retrieved") == 1
    assert "CancelledError" not in server.said
    assert server.stop() == 0
