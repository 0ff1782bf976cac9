"""The product under another ASGI server, and with a changed file."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.judge import judge
from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Stack, until


def test_application_runs_under_uvicorn(stack: Stack) -> None:
    """The application runs under any ASGI server and serves clients of both kinds."""
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
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    session = judge(stack.log("alice"))
    assert len(session.blocks) == 5
    with connect(f"{stack.url}?feed=nope") as refused, pytest.raises(ConnectionClosed):
        refused.recv(PATIENCE_SECONDS)
    assert (refused.close_code, refused.close_reason) == (
        4501,
        "feed='nope' is not a feed here; there are: arrays, users",
    )
    with connect(f"{stack.url}?client=alice") as plain:
        texts = [json.loads(plain.recv(PATIENCE_SECONDS)) for _ in range(10)]
        assert {text["type"] for text in texts} == {"message"}
        plain.send("Client alice received 1 block in 0.05 time")
        kinds = "SELECT plain, count(*) FROM feeds_blockreport GROUP BY 1"
        until(lambda: stack.rows(kinds) == [(0, 5), (1, 1)], lambda: str(stack.rows(kinds)))
    assert server.stop() == 0
    assert "Traceback" not in server.said
    statuses = stack.rows("SELECT status FROM feeds_clientsession ORDER BY id")
    assert statuses == [("left",), ("away",)]


def test_changed_file_restarts_the_server(tmp_path: Path) -> None:
    """A changed file restarts the server, and its clients continue."""
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
        changed = copy / "feeds" / "pages" / "views.py"
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
