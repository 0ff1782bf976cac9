"""The records of a server over HTTP equal the messages that its clients received."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from jsonschema import Draft7Validator
from websockets.sync.client import connect

from tests.support.npm import modules
from tests.support.stack import Stack
from tools.waiting import PATIENCE_SECONDS, until

MANY = 10_000
PARSE = """
import { readFileSync } from "node:fs";
import parser from "@asyncapi/parser";
const found = await new parser.Parser().parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(found.diagnostics.filter((one) => one.severity < 2)));
"""
"""Print the errors and warnings of AsyncAPI's own parser."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a server and a generator for all tests."""
    stack = Stack(tmp_path_factory.mktemp("truth"))
    stack.server()
    stack.generator("--rate=5000")
    yield stack
    stack.close()


def get(stack: Stack, path: str) -> bytes:
    """Return the server's answer."""
    with urlopen(f"http://127.0.0.1:{stack.port}/{path}", timeout=PATIENCE_SECONDS) as response:
        body: bytes = response.read()
        return body


def receive(stack: Stack, feed: str, first: int, count: int) -> list[bytes]:
    """Receive messages as a plain client that begins with offset *first*."""
    url = f"ws://127.0.0.1:{stack.port}/?feed={feed}&from={first}"
    # A library that closes reads no more, and would wait for the server's answer.
    with connect(url, max_size=None, close_timeout=0.1) as client:
        return [client.recv(timeout=PATIENCE_SECONDS, decode=False) for _ in range(count)]


@pytest.fixture(scope="module", params=["users", "arrays"])
def received(request: pytest.FixtureRequest, stack: Stack) -> tuple[str, list[bytes]]:
    """Receive 10,000 messages of a feed, around the beginning of a new epoch."""
    feed: str = request.param
    receive(stack, feed, 1, MANY // 2)
    before = json.loads(get(stack, "feeds/"))["feeds"]
    change = f"from feeds.models import Feed; Feed.objects.filter(name={feed!r}).update(seed=4)"
    stack.run("shell", "-c", change)
    until(lambda: epochs(stack)[feed] not in [one["epoch"] for one in before], lambda: feed)
    [(first,)] = stack.rows(
        "SELECT max(first) FROM feeds_segment JOIN feeds_feed f ON f.id = feed_id WHERE name = ?",
        feed,
    )
    return feed, receive(stack, feed, first - MANY // 2, MANY)


def epochs(stack: Stack) -> dict[str, str]:
    """Return the epoch of each feed."""
    return {one["name"]: one["epoch"] for one in json.loads(get(stack, "feeds/"))["feeds"]}


def test_records_are_what_a_client_received(
    stack: Stack, received: tuple[str, list[bytes]]
) -> None:
    """10,000 records equal, byte for byte, what a client received."""
    feed, lines = received
    first, last = (json.loads(line)["offset"] for line in (lines[0], lines[-1]))
    body = get(stack, f"feeds/{feed}/records?first={first}&last={last}")
    assert body == b"".join(line + b"\n" for line in lines)
    assert last - first == MANY - 1
    written = stack.run("records", feed, f"--first={first}", f"--last={last}")
    assert written.encode() == body


def test_frames_validate(stack: Stack, received: tuple[str, list[bytes]]) -> None:
    """10,000 frames validate against the schemas of /asyncapi.json and of the feed."""
    feed, lines = received
    document = json.loads(get(stack, "asyncapi.json"))
    schema = document["components"]["schemas"][f"feed-{feed}"]
    assert schema.items() <= json.loads(get(stack, f"feeds/{feed}/schema.json")).items()
    validator = Draft7Validator(schema)
    assert [line for line in lines if not validator.is_valid(json.loads(line))] == []


def test_asyncapi_parser_accepts_the_document(stack: Stack, tmp_path: Path) -> None:
    """AsyncAPI's own parser finds neither errors nor warnings."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    (tmp_path / "node_modules").symlink_to(modules())
    (tmp_path / "parse.mjs").write_text(PARSE, encoding="utf-8")
    done = subprocess.run(
        [node, "parse.mjs"],
        cwd=tmp_path,
        input=get(stack, "asyncapi.json").decode(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    faults: list[Any] = json.loads(done.stdout)
    assert [(one["message"], one["path"]) for one in faults] == []
