"""The client when its output cannot be written."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer

FULL_DISK = Path("/dev/full")
SENTENCE = "the output cannot be written: No space left on device\n"

pytestmark = pytest.mark.skipif(not FULL_DISK.exists(), reason="needs /dev/full")


@pytest.fixture
def full() -> Iterator[int]:
    """Return an output on a full disk."""
    output = os.open(FULL_DISK, os.O_WRONLY)
    yield output
    os.close(output)


@pytest.fixture
async def log(server: FeedServer, lifted: Lifted) -> Path:
    """Return the log of alice, with one block."""
    options = ["--url", server.url, "--name", "alice", "--block-size", "2", "--blocks", "1"]
    client = await lifted.run(*options, "--json")
    await client.event("connected")
    await server.publish("users", 2)
    assert (await client.end())[0] == 0
    return lifted.home / "logs" / "alice.log"


@pytest.mark.parametrize("shown", ["--json", "--console"])
async def test_full_disk_ends_the_client(
    server: FeedServer, lifted: Lifted, log: Path, full: int, shown: str
) -> None:
    """The client ends with a sentence and exit code 1, and its log stays whole."""
    options = ["--url", server.url, "--name", "alice", "--block-size", "2", shown]
    client = await lifted.run(*options, output=full)
    assert await client.end() == (1, "", SENTENCE)
    assert len(server.requests) == 2
    verify = await lifted.run_module("verify", str(log))
    code, said, _ = await verify.end()
    assert (code, said.splitlines()[0]) == (0, f"{log}: whole")


@pytest.mark.parametrize("shown", [[], ["--json"]])
async def test_verify_fails_on_a_full_disk(
    lifted: Lifted, log: Path, full: int, shown: list[str]
) -> None:
    """Verifying without a writable output ends with a sentence and exit code 1."""
    verify = await lifted.run_module("verify", *shown, str(log), output=full)
    assert await verify.end() == (1, "", SENTENCE)


@pytest.mark.parametrize("shown", ["--json", "--console"])
async def test_closed_pipe_ends_the_client(server: FeedServer, lifted: Lifted, shown: str) -> None:
    """A reader that closes the pipe ends the client with a specific sentence."""
    reader, writer = os.pipe()
    os.close(reader)
    client = await lifted.run("--url", server.url, "--name", "alice", shown, output=writer)
    os.close(writer)
    assert await client.end() == (1, "", "nobody reads the output any more\n")


async def test_swarm_fails_on_a_full_disk(server: FeedServer, lifted: Lifted, full: int) -> None:
    """A swarm whose result cannot be printed ends with the same sentence."""
    options = ("--url", server.url, "--clients=1", "--seconds=1")
    swarm = await lifted.run_module("swarm", *options, output=full)
    assert await swarm.end() == (1, "", SENTENCE)
