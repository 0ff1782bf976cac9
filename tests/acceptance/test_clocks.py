"""The clock set by an hour, forth and back, on each side: nothing is lost or told wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.judge import judge
from tests.support.stack import Program, Stack, until
from tests.support.wrong_clock import WrongClock, needs_compiler

HOUR = 3600
PARTS = ("server", "generator", "client")


@needs_compiler
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("hours", [1, -1])
def test_clock_set_and_set_right(stack: Stack, part: str, hours: int) -> None:
    """Blocks come in all the time, and every one is whole and stored once."""
    clock = WrongClock(stack.folder)
    starts: dict[str, Callable[[], Program]] = {
        "server": stack.server,
        "generator": lambda: stack.generator("--rate=50"),
        "client": lambda: stack.client("alice", "--block-size=10", "--feed=users", "--feed=arrays"),
    }
    running: dict[str, Program] = {}
    for name in PARTS:
        with stack.variables(clock.environment if name == part else {}):
            running[name] = starts[name]()
    wait_for_blocks(running["client"], 3)
    for seconds in (hours * HOUR, 0):
        clock.set(seconds)
        wait_for_blocks(running["client"], 3)
    for name in ("server", "generator"):
        assert running[name].stop() == 0
        running[name] = starts[name]()
        wait_for_blocks(running["client"], 3)
    assert running["client"].stop() == 0, running["client"].said
    session = judge(stack.log("alice"), clock_was_set=part == "client")
    stored = "SELECT count(*), count(DISTINCT number) FROM feeds_blockreport"
    expected = [(len(session.blocks), len(session.blocks))]
    until(lambda: stack.rows(stored) == expected, lambda: str(stack.rows(stored)))
    for program in running.values():
        assert "Traceback" not in program.said, program.said


@needs_compiler
def test_generator_killed_and_the_clock_set_back(stack: Stack) -> None:
    """A promise of a time to come, of a generator that is dead, keeps no other out."""
    stack.server()
    clock = WrongClock(stack.folder, HOUR)
    with stack.variables(clock.environment):
        generator = stack.generator("--rate=50")
    client = stack.client("alice", "--block-size=10")
    wait_for_blocks(client, 3)
    generator.process.kill()
    generator.process.wait()
    stack.generator()
    wait_for_blocks(client, 3)
    assert client.stop() == 0
    judge(stack.log("alice"))


def wait_for_blocks(client: Program, number: int) -> None:
    """Wait until a client has *number* blocks more than now."""
    wanted = client.said.count("received successfully") + number
    until(lambda: client.said.count("received successfully") >= wanted, lambda: client.said)
