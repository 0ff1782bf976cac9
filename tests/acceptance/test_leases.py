"""Servers that others consider dead, and that return with the clients they still serve."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.link import Link
from tests.support.postgresql import MissingError, PostgreSQL, running
from tests.support.raw_client import RawClient
from tests.support.stack import CHECKOUT, Stack, free_port, until

SETTINGS = "tests.support.short_lease_settings"
STATES = "SELECT client, status FROM feeds_clientsession ORDER BY client"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation where a server soon counts as dead."""
    stack = Stack(tmp_path, settings=SETTINGS)
    yield stack
    stack.close()


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server that has a port."""
    try:
        with running(port=free_port()) as server:
            yield server
    except MissingError as missing:
        pytest.skip(str(missing))


def wait_for(stack: Stack, *states: tuple[str, str]) -> None:
    """Wait until the database has these *states* of clients."""
    until(lambda: stack.rows(STATES) == [*states], lambda: str(stack.rows(STATES)))


def test_frozen_server_returns_with_its_clients(stack: Stack) -> None:
    """Clients of a frozen server are away, and online again as soon as it continues."""
    first, other = stack.server(), free_port()
    stack.server(port=other)
    with RawClient(stack.port, "client=alice", is_plain=True), RawClient(other, "client=bob"):
        wait_for(stack, ("alice", "online"), ("bob", "online"))
        first.process.send_signal(signal.SIGSTOP)
        wait_for(stack, ("alice", "away"), ("bob", "online"))
        first.process.send_signal(signal.SIGCONT)
        wait_for(stack, ("alice", "online"), ("bob", "online"))


def test_server_that_was_cut_off_returns_with_its_clients(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    """The server's clients are online again, except one that has moved to another server."""
    stack, other = Stack(tmp_path, settings=SETTINGS, migrated=False), free_port()
    stack.environment["DATABASE_URL"] = postgresql.url()
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=CHECKOUT, env=stack.environment, check=True)

    def states(*expected: tuple[str, str]) -> None:
        until(
            lambda: postgresql.execute(STATES) == [*expected],
            lambda: str(postgresql.execute(STATES)),
        )

    moving = "client=carol&session=a-session-that-moves"
    try:
        with Link(postgresql.port or 0) as link:
            address = postgresql.url().replace(f":{postgresql.port}/", f":{link.port}/")
            with stack.variables({"DATABASE_URL": address}):
                stack.server()
            stack.server(port=other)
            with (
                RawClient(stack.port, "client=alice", is_plain=True),
                RawClient(other, "client=bob"),
                RawClient(stack.port, moving) as carol,
            ):
                states(("alice", "online"), ("bob", "online"), ("carol", "online"))
                link.cut()
                states(("alice", "away"), ("bob", "online"), ("carol", "away"))
                with RawClient(other, moving) as moved:
                    states(("alice", "away"), ("bob", "online"), ("carol", "online"))
                    link.mend()
                    states(("alice", "online"), ("bob", "online"), ("carol", "online"))
                    assert carol.wait_for("bye")["code"] == 4509
                    moved.wait_for("heartbeat")
        assert "deadlock" not in postgresql.said
    finally:
        stack.close()
