"""Eight clients of all kinds, and the conditions they must meet in the end."""

from __future__ import annotations

import json
import signal
from functools import partial
from typing import Any

from tests.support.judge import judge
from tests.support.log_oracle import OracleSession
from tests.support.stack import Program, Stack, until
from tools.waiting import PATIENCE_SECONDS

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
"""Names of the clients, with their block sizes and feeds."""


class Eight:
    """The eight clients of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._programs = {name: self._start(name) for name in KINDS}

    def wait_for_blocks(self, number: int) -> None:
        """Wait until each client has *number* more blocks than now."""
        wanted = {name: self._blocks(name) + number for name in KINDS}
        for name, blocks in wanted.items():
            until(partial(self._has, name, blocks), self._said)

    def wait_until_known(self) -> None:
        """Wait until each connection is stored; a server that is killed may not get to it."""
        query = "SELECT client FROM feeds_clientsession WHERE connects > 0 ORDER BY client"
        everyone = [(name,) for name in sorted(KINDS)]
        until(lambda: self._stack.rows(query) == everyone, lambda: str(self._stack.rows(query)))

    def stop(self) -> None:
        """Let every client leave cleanly."""
        for program in self._programs.values():
            program.process.send_signal(signal.SIGINT)
        for program in self._programs.values():
            assert program.process.wait(PATIENCE_SECONDS) == 0, program.said
            assert "Traceback" not in program.said, program.said
        self._report_the_rest()

    def judge(self) -> None:
        """Judge every log, and every report in the database."""
        for name in KINDS:
            _judge_reports(self._stack, name, judge(self._stack.log(name)))

    def _start(self, name: str, *more: str) -> Program:
        size, feeds = KINDS[name]
        options = [f"--feed={feed}" for feed in feeds]
        return self._stack.client(name, f"--block-size={size}", *options, *more)

    def _report_the_rest(self) -> None:
        """Restart clients that left without all acknowledgements, until every report is sent."""
        for name in KINDS:
            program = self._programs[name]
            while "the next start will send" in program.said:
                program = self._start(name, "--blocks=1")
                program.process.wait(PATIENCE_SECONDS)

    def _has(self, name: str, blocks: int) -> bool:
        return self._blocks(name) >= blocks

    def _blocks(self, name: str) -> int:
        log = self._stack.log(name)
        return log.read_bytes().count(b"\n=== end of block") if log.exists() else 0

    def _said(self) -> str:
        return "\n".join(program.said[-2000:] for program in self._programs.values())


def _judge_reports(stack: Stack, name: str, session: OracleSession) -> None:
    """Check that every block is stored once, verified, with its time and sentence."""
    headers: list[dict[str, Any]] = [block.header for block in session.blocks]
    expected = [
        (h["block"], h["text"], h["seconds"], h["size"], "verified", h["feeds"]) for h in headers
    ]
    assert _stored(stack, name) == expected
    assert list(session.verdicts) == [h["block"] for h in headers]
    assert set(session.verdicts.values()) == {"verified"}


def _stored(stack: Stack, name: str) -> list[tuple[Any, ...]]:
    rows = stack.rows(
        "SELECT number, text, seconds, size, verdict, ranges FROM feeds_blockreport r"
        " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? ORDER BY number",
        name,
    )
    return [(*row[:-1], json.loads(row[-1])) for row in rows]
