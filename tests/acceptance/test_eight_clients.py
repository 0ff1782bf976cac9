"""Eight clients of all kinds at once, and what they are to live through."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.judge import judge
from tests.support.log_oracle import OracleSession
from tests.support.stack import Program, Stack, until

RATE = "100"
KINDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "one": (1, ("users",)),
    "two": (2, ("arrays",)),
    "three": (3, ("users", "arrays")),
    "five": (5, ("users",)),
    "eight": (8, ("arrays",)),
    "thirteen": (13, ("users", "arrays")),
    "fifty": (50, ("users",)),
    "hundred": (100, ("users", "arrays")),
}
"""Names of the clients; their block sizes and feeds."""


class Eight:
    """The eight clients of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._programs = {name: self._start(name) for name in KINDS}

    def _start(self, name: str) -> Program:
        size, feeds = KINDS[name]
        options = [f"--feed={feed}" for feed in feeds]
        return self._stack.client(name, f"--block-size={size}", *options)

    def wait_for_blocks(self, number: int) -> None:
        """Wait until each client has *number* blocks more than now."""
        wanted = {name: self._blocks(name) + number for name in KINDS}
        for name, blocks in wanted.items():
            until(lambda name=name, blocks=blocks: self._blocks(name) >= blocks, self._said)  # type: ignore[misc]

    def stop(self) -> None:
        """Let every client leave; each ends well."""
        for program in self._programs.values():
            program.process.send_signal(signal.SIGINT)
        for program in self._programs.values():
            assert program.process.wait(60) == 0, program.said
            assert "Traceback" not in program.said, program.said

    def judge(self) -> dict[str, OracleSession]:
        """Judge every log and every stored report."""
        sessions = {name: judge(self._stack.log(name)) for name in KINDS}
        for name, session in sessions.items():
            _judge_reports(self._stack, name, session)
        return sessions

    def _blocks(self, name: str) -> int:
        log = self._stack.log(name)
        return log.read_bytes().count(b"\n=== end of block") if log.exists() else 0

    def _said(self) -> str:
        return "\n".join(program.said[-2000:] for program in self._programs.values())


def _judge_reports(stack: Stack, name: str, session: OracleSession) -> None:
    """Every block of the log is in the database, once, with its time and sentence."""
    stored = stack.rows(
        "SELECT number, text, seconds, size, ranges FROM feeds_blockreport r"
        " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? ORDER BY number",
        name,
    )
    headers: list[dict[str, Any]] = [block.header for block in session.blocks]
    expected = [(h["block"], h["text"], h["seconds"], h["size"], h["feeds"]) for h in headers]
    assert [(*row[:4], json.loads(row[4])) for row in stored] == expected


def assert_clean(*programs: Program) -> None:
    """Nothing went wrong without being said."""
    for program in programs:
        assert "Traceback" not in program.said, program.said


def test_eight_clients_at_once(stack: Stack) -> None:
    """Every log is gapless, every block its size, every report stored once."""
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
    """All come back by themselves; logs and block numbers go on."""
    server = stack.server()
    stack.generator("--rate", RATE)
    eight = Eight(stack)
    eight.wait_for_blocks(1)
    server.stop(how)
    again = stack.server()
    eight.wait_for_blocks(2)
    eight.stop()
    eight.judge()
    connects = stack.rows("SELECT client, connects FROM feeds_clientsession")
    assert sorted(name for name, _ in connects) == sorted(KINDS)
    assert all(number >= 2 for _, number in connects)
    assert_clean(server, again)


def test_random_restarts(stack: Stack, restarts: int) -> None:
    """Server and generator stopped and killed in any order leave no trace."""
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
    """Return how many restarts a test makes; the environment may ask for more."""
    return int(os.environ.get("BLOCKFEED_RESTARTS", "4"))


def test_logs_are_each_their_own(stack: Stack, tmp_path: Path) -> None:
    """Two clients cannot write one log; the second says so and ends with 1."""
    stack.server()
    stack.generator("--rate", RATE)
    first = stack.client("alice")
    first.wait_for("Block 1 received successfully")
    second = stack.client("alice")
    assert second.process.wait(60) == 1
    assert f"another client writes the log {tmp_path / 'alice.log'}" in second.said
    assert first.stop() == 0
    judge(stack.log("alice"))
