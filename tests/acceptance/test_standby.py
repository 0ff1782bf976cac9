"""A second generator that stands by while the first one works, is killed, or is frozen."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import time
from contextlib import closing
from itertools import pairwise

from tests.support.judge import judge
from tests.support.log_oracle import OracleSession
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until

log = logging.getLogger(__name__)
KILLS = int(os.environ.get("BLOCKFEED_KILLS", "2"))
STANDSTILL_SECONDS = 2.0
WAITS = "standing by: another process generates feeds arrays and users"


def standby(stack: Stack) -> Program:
    """Start a standby, and wait until it has said so."""
    program = stack.start("generate", "--standby")
    program.wait_for(WAITS)
    return program


def wait_for_blocks(client: Program, number: int) -> None:
    """Wait until a client has *number* more blocks than now."""
    wanted = client.said.count("received successfully") + number
    until(lambda: client.said.count("received successfully") >= wanted, lambda: client.said)


def longest_silence(session: OracleSession) -> float:
    """Return the longest time between two messages of one feed in a log, in seconds."""
    stamps: dict[str, list[int]] = {}
    for block in session.blocks:
        for stamp, (feed, *_) in zip(block.stamps, block.messages, strict=True):
            stamps.setdefault(feed, []).append(stamp)
    return max(b - a for times in stamps.values() for a, b in pairwise(times)) / 1e6


def owners(stack: Stack) -> list[tuple[int, ...]]:
    """Return how often each feed was taken."""
    return stack.rows("SELECT owner FROM feeds_feed ORDER BY name")


def wait_for_owners(stack: Stack, program: Program, number: int) -> None:
    """Wait until *program* is owner number *number* of both feeds."""
    until(lambda: owners(stack) == [(number,), (number,)], lambda: program.said)


def freeze(stack: Stack, program: Program) -> None:
    """
    Freeze *program* while it does not have SQLite's lock.

    With the lock, it would keep all others from writing until it continues.
    """

    def is_frozen() -> bool:
        program.process.send_signal(signal.SIGSTOP)
        with closing(sqlite3.connect(stack.folder / "var" / "db.sqlite3", timeout=1)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                program.process.send_signal(signal.SIGCONT)
                return False
        return True

    until(is_frozen, lambda: f"it always has the lock:\n{program.said}")


def test_standby_replaces_a_killed_generator(stack: Stack) -> None:
    """Each time the generator is killed, a standby continues; the log of a client is whole."""
    stack.server()
    active = stack.generator("--rate=50")
    client = stack.client("alice", "--block-size=10", "--feed=users", "--feed=arrays")
    wait_for_blocks(client, 2)
    for kill in range(KILLS):
        waiting = standby(stack)
        wait_for_blocks(client, 2)
        active.process.kill()
        active.process.wait()
        wait_for_owners(stack, waiting, kill + 2)
        assert "feed users has promised nothing for 2.6 s; taking over" in waiting.said
        wait_for_blocks(client, 3)
        active = waiting
    assert client.stop() == 0
    session = judge(stack.log("alice"))
    log.info("longest silence of %d kills: %.2f s", KILLS, longest_silence(session))
    assert active.stop() == 0
    assert "Traceback" not in active.said


def test_frozen_generator_is_locked_out(stack: Stack) -> None:
    """When it returns, it becomes the standby; without --standby it ends."""
    stack.server()
    first = stack.start("generate", "--standby")
    first.wait_for("offset")
    client = stack.client("alice", "--block-size=1", "--feed=users", "--feed=arrays")
    wait_for_blocks(client, 2)
    second = standby(stack)
    freeze(stack, first)
    second.wait_for("feed arrays has promised nothing for 2.6 s; taking over")
    wait_for_owners(stack, second, 2)
    wait_for_blocks(client, 3)
    first.process.send_signal(signal.SIGCONT)
    first.wait_for("feed users was taken over by another generator")
    first.wait_for("feed arrays was taken over by another generator")
    until(lambda: first.said.count("standing by") >= 1, lambda: first.said)
    wait_for_blocks(client, 3)
    assert owners(stack) == [(2,), (2,)]
    assert first.process.poll() is None
    # The first one again, and then one that does not stand by.
    assert second.stop() == 0
    wait_for_blocks(client, 3)
    assert first.stop() == 0
    third = stack.generator()
    fourth = standby(stack)
    freeze(stack, third)
    wait_for_owners(stack, fourth, 5)
    wait_for_blocks(client, 3)
    third.process.send_signal(signal.SIGCONT)
    assert third.process.wait(PATIENCE_SECONDS) == 1
    assert "was taken over by another generator" in third.said
    assert owners(stack) == [(5,), (5,)]
    assert client.stop() == 0
    judge(stack.log("alice"))
    for program in (first, second, third, fourth):
        assert "Traceback" not in program.said


def test_generator_that_stands_still_loses_nothing(stack: Stack) -> None:
    """
    A generator that stands still for 2 s three times leaves no trace in a client's log.

    On a machine that is not overloaded, it keeps its feeds each time. If it loses one, exactly
    one other generator takes it, and the first one stands by.
    """
    stack.server()
    programs = [stack.start("generate", "--standby")]
    programs[0].wait_for("offset")
    programs.append(standby(stack))
    client = stack.client("alice", "--block-size=1", "--feed=users", "--feed=arrays")
    wait_for_blocks(client, 2)
    for _ in range(3):
        programs[0].process.send_signal(signal.SIGSTOP)
        time.sleep(STANDSTILL_SECONDS)
        programs[0].process.send_signal(signal.SIGCONT)
        wait_for_blocks(client, 4)
    log.info("after three standstills the feeds were taken %s times", owners(stack))
    taken = sum(program.said.count("; taking over") for program in programs)
    assert sum(number for (number,) in owners(stack)) == 2 + taken
    assert client.stop() == 0
    judge(stack.log("alice"))
    for program in programs:
        assert program.stop() == 0
        assert "Traceback" not in program.said


def test_ctrl_c_ends_a_standby(stack: Stack) -> None:
    """A standby ends with 0, and neither takes nor releases a feed."""
    first = stack.generator()
    waiting = standby(stack)
    assert waiting.stop() == 0
    assert "still stopping" not in waiting.said
    assert owners(stack) == [(1,), (1,)]
    assert stack.rows("SELECT min(promised_us) > 0 FROM feeds_feed") == [(1,)]
    assert first.stop() == 0
