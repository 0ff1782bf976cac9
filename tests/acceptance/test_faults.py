"""Faults of the channel layer: none is seen in a log."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError  # noqa: A004  the driver's own

from feeds.live import keeper
from feeds.live.valkey import runtime_directory
from tests.support.eight import Eight
from tests.support.stack import Stack, until

FROZEN_SECONDS = float(os.environ.get("BLOCKFEED_FROZEN", "4"))
KILLS = 3


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation whose layer loses, doubles and reorders."""
    stack = Stack(tmp_path, settings="tests.support.faulty_settings")
    yield stack
    stack.close()


def test_batches_lost_doubled_and_reordered(faulty: Stack) -> None:
    """Eight clients get everything through a layer that keeps no promise."""
    server = faulty.server()
    faulty.generator("--rate=100")
    eight = Eight(faulty)
    eight.wait_for_blocks(4)
    eight.stop()
    eight.judge()
    assert "Traceback" not in server.said


def valkey(stack: Stack) -> int | None:
    """Return the process of the stack's embedded Valkey; None while it is away."""
    path = runtime_directory(str(stack.folder / "var")) / keeper.SOCKET
    with Redis(unix_socket_path=str(path)) as client:
        try:
            return int(client.info("server")["process_id"])
        except ConnectionError:
            return None


def test_valkey_killed_and_frozen(stack: Stack) -> None:
    """Eight clients go on while Valkey is killed, comes back, and hangs."""
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
    assert "Traceback" not in server.said + generator.said
