"""The log of a server as a collector of logs reads it."""

from __future__ import annotations

import json
from urllib.error import HTTPError

import pytest

from tests.support.raw_client import RawClient
from tests.support.stack import Stack

KEY = "abcdefgh-the-rest-is-secret"


def test_each_line_of_a_server_is_an_object(stack: Stack) -> None:
    """All lines are JSON with date and level; lines about a client name its session."""
    stack.environment |= {"DEBUG": "true", "LOG_FORMAT": "json", "LOG_LEVEL": "info"}
    server = stack.start("serve", f"--bind=127.0.0.1:{stack.port}")
    server.wait_for("serving at")
    with RawClient(stack.port, f"session={KEY}&client=bob") as client:
        client.wait_for("welcome")
    server.wait_for("bob disconnected")
    with RawClient(stack.port, f"session={KEY}&feed=unknown") as client:
        client.wait_for("error")
    with pytest.raises(HTTPError, match="404"):
        stack.get("nothing")
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.said.splitlines()]
    for line in lines:
        assert line["time"].endswith("Z")
        assert line["level"] in {"INFO", "WARNING"}
    assert KEY not in server.said
    named = {line.get("session") for line in lines if "bob" in line["message"]}
    assert named == {KEY[:8]}
    refused = [line for line in lines if "refused" in line["message"]]
    assert [line["session"] for line in refused] == [KEY[:8]]
