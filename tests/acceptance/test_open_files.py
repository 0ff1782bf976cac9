"""A server with a low limit of open files."""

from __future__ import annotations

import asyncio
import sys

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.crowd import Crowd, until
from tests.support.stack import Stack
from tools.waiting import PATIENCE_SECONDS

FEW = 200
CLIENTS = 300


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("-Sn", None),
        ("-n", f"this process may open {FEW} files, so it serves at most 1 connections"),
    ],
)
def test_low_file_limit_is_raised_or_reported(stack: Stack, limit: str, words: str | None) -> None:
    """A limit that can be raised is raised; any other is reported at the start."""
    command = f"ulimit {limit} {FEW}; exec {sys.executable} manage.py serve --bind 127.0.0.1:"
    server = stack.program("serve", "sh", "-c", f"{command}{stack.port}")
    server.wait_for("serving at" if words is None else words)
    if words is not None:
        server.wait_for("serving at")
        url = f"ws://127.0.0.1:{stack.port}/"
        with connect(url) as first, connect(url) as second:
            assert first.ping().wait(PATIENCE_SECONDS)
            with pytest.raises(ConnectionClosed, match="this server has 1 connections, its limit"):
                second.recv(PATIENCE_SECONDS)
        return
    assert f"this process may open {FEW} files" not in server.said

    async def run() -> int:
        crowd = Crowd(stack.port, CLIENTS)
        await crowd.start()
        await until(lambda: all(one.welcomes for one in crowd.followers))
        await crowd.stop()
        return sum(one.welcomes for one in crowd.followers)

    assert asyncio.run(run()) == CLIENTS
