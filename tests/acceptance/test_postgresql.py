"""Server, generator and clients with PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.making.crew import PROMISE_THREADS
from tests.support.crowd import Crowd
from tests.support.forks import run
from tests.support.how_to import follow
from tests.support.postgresql import MissingError, PostgreSQL, running
from tests.support.stack import CHECKOUT, Stack, until

OF_THE_SERVER = 4
"""Connections for the feeds, for new clients, for the clerk, and for the checks at the start."""
OF_THE_GENERATOR = PROMISE_THREADS + 2
"""Connections for promises, for the search for feeds, and for the checks at the start."""
STORED = "SELECT count(*) FROM feeds_connection WHERE closed_at IS NULL"
CLIENTS = [int(size) for size in os.environ.get("BLOCKFEED_CLIENTS", "10 60").split()]
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'blockfeed'"
FEEDS = """
INSERT INTO feeds_feed (name, kind, spec, seed, rate, enabled, owner, promised, promised_us)
SELECT 'feed' || number, kind, spec, seed, 1, true, 0, 0, 0
FROM feeds_feed, generate_series(1, 98) AS number WHERE name = 'arrays'
"""


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server."""
    try:
        with running() as server:
            yield server
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def stack(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[Stack]:
    """Give a test an installation with this database."""
    stack = Stack(tmp_path, migrated=False)
    stack.environment["DATABASE_URL"] = postgresql.url()
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    run(command, cwd=CHECKOUT, env=stack.environment, check=True)
    yield stack
    stack.close()


def are_stored(server: PostgreSQL, size: int) -> None:
    """Wait until *size* connections of clients are open in the database."""
    until(lambda: server.execute(STORED) == [(size,)], lambda: str(server.execute(STORED)))


async def test_connections_do_not_depend_on_clients_and_feeds(
    stack: Stack, postgresql: PostgreSQL
) -> None:
    """A hundred feeds with many clients need no more connections than a few."""
    postgresql.execute(FEEDS)
    await asyncio.to_thread(stack.server)
    await asyncio.to_thread(stack.generator)
    promised = "SELECT count(*) FROM feeds_feed WHERE promised > 0"
    await asyncio.to_thread(
        until, lambda: postgresql.execute(promised) == [(100,)], lambda: "some feeds do not run"
    )
    for size in CLIENTS:
        crowd = Crowd(stack.port, size)
        await crowd.start()
        await asyncio.to_thread(are_stored, postgresql, size)
        ((found,),) = postgresql.execute(CONNECTIONS)
        assert found <= OF_THE_SERVER + OF_THE_GENERATOR, size
        await crowd.stop()
        await asyncio.to_thread(are_stored, postgresql, 0)


def test_guide_restores_a_backup(stack: Stack, postgresql: PostgreSQL) -> None:
    """The commands of the guide restore rows that were changed or deleted after the backup."""
    shown = "SELECT name, seed, enabled FROM feeds_feed ORDER BY name"
    before = postgresql.execute(shown)
    follow(stack, "backup.md", "Back up PostgreSQL")
    postgresql.execute("UPDATE feeds_feed SET seed = 9 WHERE name = 'users'")
    postgresql.execute("DELETE FROM feeds_feed WHERE name = 'arrays'")
    assert postgresql.execute(shown) != before
    follow(stack, "backup.md", "Restore PostgreSQL")
    assert postgresql.execute(shown) == before
    assert stack.run("migrate", "--plan").endswith("No planned migration operations.\n")
