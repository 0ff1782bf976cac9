"""A database that loses its last seconds: all clients continue, and no block is broken."""

from __future__ import annotations

import re
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.support.how_to import follow
from tests.support.log_oracle import OracleSession, read_log
from tests.support.raw_client import RawClient
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until

OPTIONS = ("--feed=users", "--feed=arrays", "--block-size=7")
ROLLED_BACK = "history was rolled back"
RECEIVED = re.compile(r"Block (\d+) received successfully")


def database(stack: Stack) -> Path:
    """Return the path of a stack's database."""
    return stack.folder / "var" / "db.sqlite3"


def take_snapshot(stack: Stack) -> Path:
    """Back up *stack*, which may be in use, as the guide says; return the copied database."""
    follow(stack, "backup.md", "Back up SQLite")
    return stack.folder / "backup" / "db.sqlite3"


def put_back(stack: Stack) -> None:
    """Replace the database of *stack*, which no program uses, by its backup, as the guide says."""
    follow(stack, "backup.md", "Restore SQLite")


def put_back_under_use(stack: Stack, snapshot: Path) -> None:
    """Replace the contents of the database of *stack*, which programs use."""
    with (
        closing(sqlite3.connect(snapshot)) as source,
        closing(sqlite3.connect(database(stack), timeout=PATIENCE_SECONDS)) as target,
    ):
        source.backup(target)


def kill(*programs: Program) -> None:
    """End *programs* as a power cut does."""
    for program in programs:
        program.stop(signal.SIGKILL)


def wait_for_blocks(client: Program, more: int, *, verified: bool = False) -> None:
    """Wait until *client* has received *more* blocks, and the last of them is *verified*."""
    until(lambda: RECEIVED.search(client.said) is not None, lambda: client.said)
    wanted = int(RECEIVED.findall(client.said)[-1]) + more
    client.wait_for(f"Block {wanted} {'verified' if verified else 'received successfully'}")


def head(stack: Stack, feed: str) -> int:
    """Return the offset up to which *feed* is promised."""
    ((promised,),) = stack.rows("SELECT promised FROM feeds_feed WHERE name = ?", feed)
    return int(promised)


def read_back(stack: Stack, name: str) -> OracleSession:
    """Return the only session of a log that `verify` accepts, and in which nothing is broken."""
    program = stack.program(
        "verify", sys.executable, "-m", "clientapp", "verify", str(stack.log(name))
    )
    assert program.process.wait(PATIENCE_SECONDS) == 0, program.said
    assert f"{ROLLED_BACK}" in program.said, program.said
    (session,) = read_log(stack.log(name))
    jumped = {block.number for block in session.blocks if block.gaps}
    for block, verdict in session.verdicts.items():
        skipped = block in jumped and "announced as missing" in verdict
        assert verdict == "verified" or ROLLED_BACK in verdict or skipped, (block, verdict)
    assert set(session.verdicts) == {block.number for block in session.blocks}
    return session


def assert_nothing_is_broken(stack: Stack) -> None:
    """
    Check that every stored report is verified, or unverifiable because of the rollback.

    There need not be one of the second kind: a block that was complete before the rollback may
    have been reported before it.
    """
    rows = stack.rows("SELECT DISTINCT verdict, reason FROM feeds_blockreport")
    found = {
        (verdict, reason.rpartition(": ")[2])
        for verdict, reason in rows
        if not reason.endswith("announced as missing")
    }
    assert {("verified", "")} <= found <= {("verified", ""), ("unverifiable", ROLLED_BACK)}


def run_on_after_snapshot(stack: Stack) -> tuple[Path, Program, Program, Program]:
    """Return a snapshot, and a server, generator and client that continue after it."""
    server = stack.server()
    generator = stack.generator("--rate=10")
    client = stack.client("alice", *OPTIONS)
    client.wait_for("Block 3 verified")
    snapshot = take_snapshot(stack)
    assert generator.stop() == 0
    generator = stack.generator("--rate=15")
    wait_for_blocks(client, 10, verified=True)
    return snapshot, server, generator, client


def test_client_ahead_of_a_restored_database_continues(stack: Stack) -> None:
    """A client whose position was lost gets a gap with the cause, then the new messages."""
    _, server, generator, client = run_on_after_snapshot(stack)
    kill(server, generator)
    put_back(stack)
    server = stack.server()
    client.wait_for(f"{ROLLED_BACK}")
    generator = stack.generator("--rate=12")
    wait_for_blocks(client, 10, verified=True)
    stack.leave("alice", client, *OPTIONS)
    session = read_back(stack, "alice")
    assert any("history" in gap for block in session.blocks for gap in block.gaps)
    assert_nothing_is_broken(stack)
    assert "Traceback" not in server.said + generator.said


def test_client_behind_a_restored_database_continues(stack: Stack) -> None:
    """A client whose position exists again, with another intended time, also gets the gap."""
    _, server, generator, client = run_on_after_snapshot(stack)
    kill(client)
    reached = {feed: head(stack, feed) for feed in ("users", "arrays")}
    kill(server, generator)
    put_back(stack)
    stack.server()
    stack.generator("--rate=40")
    until(
        lambda: all(head(stack, feed) > last + 20 for feed, last in reached.items()),
        lambda: f"the feeds do not get past {reached}",
    )
    client = stack.client("alice", *OPTIONS)
    client.wait_for(ROLLED_BACK)
    wait_for_blocks(client, 10, verified=True)
    stack.leave("alice", client, *OPTIONS)
    read_back(stack, "alice")
    assert_nothing_is_broken(stack)


def continue_under(stack: Stack, put: Callable[[Stack, Path], None]) -> None:
    """Put a snapshot back by *put* under running programs; check that all continue."""
    snapshot, server, generator, client = run_on_after_snapshot(stack)
    bob = stack.client("bob", *OPTIONS)  # its session is not in the snapshot
    bob.wait_for("Block 3 verified")
    with RawClient(stack.port, "feed=users", is_plain=True) as plain:
        last = plain.offsets(20)[-1]
        put(stack, snapshot)
        server.wait_for("history of feed users was rolled back")
        generator.wait_for("history of feed users was rolled back")
        messages = plain.said()
        turned = next(one["offset"] for one in messages if one["offset"] <= last)
        following = [next(messages)["offset"] for _ in range(50)]
    assert following == list(range(turned + 1, turned + 51))
    for name, program in (("alice", client), ("bob", bob)):
        program.wait_for(ROLLED_BACK)
        wait_for_blocks(program, 10, verified=True)
        assert "Disconnected" not in program.said
        stack.leave(name, program, *OPTIONS)
        read_back(stack, name)
    assert_nothing_is_broken(stack)
    assert generator.process.poll() is None
    assert "Traceback" not in server.said + generator.said


def test_database_restored_under_running_programs(stack: Stack) -> None:
    """A running server resets its feeds, tells its sessions, and continues to serve them."""
    continue_under(stack, put_back_under_use)
