"""A clock set forward or back by an hour, on each side: nothing is lost or reported wrongly."""

from __future__ import annotations

import json
import re
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
def test_clock_change_loses_nothing(stack: Stack, part: str, hours: int) -> None:
    """Blocks keep arriving, and every one is whole and stored once."""
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
@pytest.mark.parametrize("seconds", [5, -5, 40, -40])
def test_wrong_clock_of_a_host_changes_no_owner(stack: Stack, seconds: int) -> None:
    """A generator whose clock is wrong keeps its feeds, and the server says what is wrong."""
    server = stack.server()
    clock = WrongClock(stack.folder, seconds)
    with stack.variables(clock.environment):
        generator = stack.generator("--rate=50")
    client = stack.client("alice", "--block-size=10")
    standby = stack.start("generate", "--standby")
    standby.wait_for("standing by: another process generates feeds arrays and users")
    way = "ahead of" if seconds > 0 else "behind"
    server.wait_for("feed users is running, but the clock of its generator is ")
    said = re.search(rf"the clock of its generator is (\d+) s {way} this server's", server.said)
    assert said is not None, server.said
    state = {feed["name"]: feed for feed in json.loads(stack.get("status.json"))["feeds"]}["users"]
    assert state["state"] == "clock differs"
    wait_for_blocks(client, 5)
    assert stack.rows("SELECT DISTINCT owner FROM feeds_feed") == [(1,)]
    generator.process.kill()
    generator.process.wait()
    standby.wait_for("taking over")
    server.wait_for("feed users is running\n")
    wait_for_blocks(client, 3)
    assert client.stop() == 0
    judge(stack.log("alice"))


@needs_compiler
def test_promise_from_a_wrong_clock_blocks_no_generator(stack: Stack) -> None:
    """A promise in the future, from a dead generator, does not keep others out."""
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
    """Wait until a client has *number* more blocks than now."""
    wanted = client.said.count("received successfully") + number
    until(lambda: client.said.count("received successfully") >= wanted, lambda: client.said)
