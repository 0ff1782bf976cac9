"""Eight clients of all kinds at once, and the faults they must survive."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eight import KINDS, Eight
from tests.support.judge import judge
from tests.support.stack import Program, Stack
from tools.waiting import PATIENCE_SECONDS

RATE = "100"


def assert_clean(*programs: Program) -> None:
    """Check that no program printed a traceback."""
    for program in programs:
        assert "Traceback" not in program.said, program.said


def test_eight_clients_at_once(stack: Stack) -> None:
    """No log has a hole, every block has its size, and every report is stored once."""
    server = stack.server()
    generator = stack.generator("--rate", RATE)
    eight = Eight(stack)
    eight.wait_for_blocks(3)
    eight.stop()
    eight.judge()
    for name in KINDS:
        server.wait_for(f"{name} left")
    statuses = stack.rows("SELECT DISTINCT status FROM feeds_clientsession")
    assert statuses == [("left",)]
    assert generator.stop() == 0
    assert server.stop() == 0
    assert_clean(server, generator)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_server_restarted_under_eight_clients(stack: Stack, how: signal.Signals) -> None:
    """All clients reconnect; logs and block numbers continue."""
    server = stack.server()
    stack.generator("--rate", RATE)
    eight = Eight(stack)
    eight.wait_for_blocks(1)
    eight.wait_until_known()
    server.stop(how)
    again = stack.server()
    eight.wait_for_blocks(2)
    eight.stop()
    eight.judge()
    connects = stack.rows("SELECT client, connects FROM feeds_clientsession")
    assert sorted(name for name, _ in connects) == sorted(KINDS)
    assert all(number >= 2 for _, number in connects)
    assert_clean(server, again)


def test_random_restarts_leave_no_trace(stack: Stack, restarts: int) -> None:
    """Server and generator are stopped and killed in any order without an effect on logs."""
    random_ = random.Random(7)
    parts: dict[str, Callable[[], Program]] = {
        "server": stack.server,
        "generator": lambda: stack.generator("--rate", RATE),
    }
    running = {name: start() for name, start in parts.items()}
    eight = Eight(stack)
    eight.wait_for_blocks(1)
    for _ in range(restarts):
        name = random_.choice(list(parts))
        how = random_.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        running[name].stop(how)
        assert_clean(running[name])
        running[name] = parts[name]()
    eight.wait_for_blocks(1)
    eight.stop()
    eight.judge()


@pytest.fixture
def restarts() -> int:
    """Return the number of restarts; the environment may set it higher."""
    return int(os.environ.get("BLOCKFEED_RESTARTS", "4"))


def test_log_has_a_single_writer(stack: Stack, tmp_path: Path) -> None:
    """Two clients cannot write one log; the second one says so and ends with 1."""
    stack.server()
    stack.generator("--rate", RATE)
    first = stack.client("alice")
    first.wait_for("Block 1 received successfully")
    second = stack.client("alice")
    assert second.process.wait(PATIENCE_SECONDS) == 1
    assert f"another client writes the log {tmp_path / 'alice.log'}" in second.said
    assert first.stop() == 0
    judge(stack.log("alice"))
