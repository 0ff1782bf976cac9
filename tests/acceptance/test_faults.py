"""Faults of the channel layer, and of a client's disk: none is visible in a log."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError  # noqa: A004  the driver's own

from feeds.layer import keeper
from feeds.layer.valkey import runtime_directory
from tests.support.eight import Eight
from tests.support.judge import judge
from tests.support.stack import Stack, until
from tools.waiting import PATIENCE_SECONDS

FROZEN_SECONDS = float(os.environ.get("BLOCKFEED_FROZEN", "4"))
KILLS = 3


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation whose layer loses, duplicates and reorders batches."""
    stack = Stack(tmp_path, settings="tests.support.faulty_settings")
    yield stack
    stack.close()


def test_faulty_layer_loses_nothing(faulty: Stack) -> None:
    """Eight clients get everything through a layer that loses, duplicates and reorders."""
    server = faulty.server()
    faulty.generator("--rate=100")
    eight = Eight(faulty)
    eight.wait_for_blocks(4)
    eight.stop()
    eight.judge()
    assert "Traceback" not in server.said


def connected(stack: Stack) -> Redis:
    """Return a connection to the stack's embedded Valkey."""
    path = runtime_directory(str(stack.folder / "var")) / keeper.SOCKET
    return Redis(unix_socket_path=str(path))


def valkey(stack: Stack) -> int | None:
    """Return the process id of the stack's embedded Valkey; None while it is down."""
    with connected(stack) as client:
        try:
            return int(client.info("server")["process_id"])
        except ConnectionError:
            return None


def test_killed_and_frozen_valkey_loses_nothing(stack: Stack) -> None:
    """Eight clients continue while Valkey is killed, returns, and hangs."""
    server = stack.server()
    generator = stack.generator("--rate=100")
    eight = Eight(stack)
    eight.wait_for_blocks(1)
    for _ in range(KILLS):
        until(lambda: valkey(stack) is not None, lambda: "there is no Valkey")
        pid = valkey(stack)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: valkey(stack) not in (None, pid), lambda: "it did not come back")  # type: ignore[misc]
        eight.wait_for_blocks(1)
    pid = valkey(stack)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(FROZEN_SECONDS)
        eight.wait_for_blocks(1)
    finally:
        os.kill(pid, signal.SIGCONT)
    eight.wait_for_blocks(1)
    eight.stop()
    eight.judge()
    assert server.stop() == 0
    # Samples keep the outage for the dashboard; the last one is stored at the end.
    assert stack.rows("SELECT count(*) FROM feeds_sample WHERE unavailable = 'layer'") > [(0,)]
    assert "Traceback" not in server.said + generator.said


def test_flushed_and_slow_valkey_loses_nothing(stack: Stack) -> None:
    """Eight clients continue while Valkey loses its data, is slow, and drops connections."""
    server = stack.server()
    generator = stack.generator("--rate=100")
    eight = Eight(stack)
    eight.wait_for_blocks(1)
    with connected(stack) as client:
        client.flushall()
        eight.wait_for_blocks(1)
        # Longer than a call may take, and longer than a server waits for a batch.
        client.client_pause(1500)
        eight.wait_for_blocks(1)
        assert client.client_kill_filter(_type="pubsub") >= 1
        client.client_kill_filter(_type="normal")
    eight.wait_for_blocks(1)
    eight.stop()
    eight.judge()
    assert "Traceback" not in server.said + generator.said


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_full_disk_under_a_log_loses_nothing(stack: Stack) -> None:
    """A client that cannot write says so and ends with 1; the next start resumes without loss."""
    stack.server()
    stack.generator("--rate=100")
    client = stack.client("alice", "--block-size=10")
    client.wait_for("Block 3 received successfully")
    # In the middle of a block: the part written until then is cut off at the next start.
    room = stack.log("alice").stat().st_size + 5000
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (room, room))
    assert client.process.wait(PATIENCE_SECONDS) == 1
    assert f"the log {stack.log('alice')} cannot be written: " in client.said
    assert "Traceback" not in client.said
    again = stack.client("alice", "--block-size=10")
    again.wait_for("Block 8 received successfully")
    assert again.stop() == 0
    session = judge(stack.log("alice"))
    stored = "SELECT count(*), count(DISTINCT number) FROM feeds_blockreport"
    expected = [(len(session.blocks), len(session.blocks))]
    until(lambda: stack.rows(stored) == expected, lambda: str(stack.rows(stored)))
