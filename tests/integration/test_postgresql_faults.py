"""PostgreSQL that fails in every way: accepted facts wait, and none is lost or stored twice."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from feeds.core.limits import LIMITS
from feeds.running.outages import Outages
from feeds.storing import recorder as module
from feeds.storing.clerk import Clerk
from feeds.storing.facts import Outcome, Said
from feeds.storing.recorder import Recorder
from tests.integration.test_ledger import KEY, NOW, opened, reported
from tests.support.forks import run
from tests.support.postgresql import PostgreSQL
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
BLOCKS = 20
Fault = Callable[[PostgreSQL], Callable[[], None]]
"""Calling it begins the fault; calling the result ends the fault."""


@pytest.fixture(scope="module")
def migrated(postgresql: PostgreSQL) -> None:
    """Make a database to copy from, because a migration takes seconds."""
    postgresql.execute("CREATE DATABASE migrated")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "wsproject.settings",
        "DATABASE_URL": postgresql.url("migrated"),
    }
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    run(command, cwd=CHECKOUT, env=environment, check=True)


@pytest.fixture
async def clerk(
    postgresql: PostgreSQL,
    migrated: None,
    forked_children: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Clerk]:
    """Return a clerk with an empty database, which waits at most a second for an answer."""
    postgresql.execute("DROP DATABASE IF EXISTS faults WITH (FORCE)")
    postgresql.execute("CREATE DATABASE faults TEMPLATE migrated")
    monkeypatch.setenv("BLOCKFEED_VAR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.support.quick_settings")
    monkeypatch.setenv("DATABASE_URL", f"{postgresql.url('faults')}&lock_timeout=100ms")
    clerk = Clerk()
    yield clerk
    await clerk.stop()


@asynccontextmanager
async def recording(clerk: Clerk) -> AsyncIterator[Recorder]:
    """Run a recorder that stores by *clerk*."""
    recorder = Recorder(LIMITS, clerk)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def read_only(server: PostgreSQL) -> Callable[[], None]:
    """Behave as a standby after a failover."""
    server.execute("ALTER DATABASE faults SET default_transaction_read_only = on")
    end_sessions(server)

    def end() -> None:
        server.execute("ALTER DATABASE faults SET default_transaction_read_only = off")
        end_sessions(server)

    return end


def end_sessions(server: PostgreSQL) -> Callable[[], None]:
    """End every session, as an administrator may."""
    sessions = "SELECT pid FROM pg_stat_activity WHERE datname = 'faults'"
    server.execute(f"SELECT pg_terminate_backend(pid) FROM ({sessions}) AS found")
    return lambda: None


def stopped(server: PostgreSQL) -> Callable[[], None]:
    """Stop the server for a while."""
    server.stop()
    return server.start


def crashed(server: PostgreSQL) -> Callable[[], None]:
    """Crash one of its processes, after which the server restarts by itself."""
    (pid,) = server.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'faults'")[0]
    server.kill(pid)
    return lambda: None


def frozen(server: PostgreSQL) -> Callable[[], None]:
    """Freeze the server: its connections stay open."""
    server.freeze()
    return server.thaw


def locked(server: PostgreSQL) -> Callable[[], None]:
    """Lock a table for longer than a process waits for a lock."""
    other = server.connect("faults")
    other.execute("BEGIN; LOCK TABLE feeds_clientsession")
    return other.close


def refusing(server: PostgreSQL) -> Callable[[], None]:
    """Accept no connection, as a server without free ones."""
    server.execute("ALTER DATABASE faults ALLOW_CONNECTIONS false")
    end_sessions(server)

    def end() -> None:
        server.execute("ALTER DATABASE faults ALLOW_CONNECTIONS true")

    return end


def missing(server: PostgreSQL) -> Callable[[], None]:
    """Lack a table, as before a migration."""
    server.execute("ALTER TABLE feeds_blockreport RENAME TO gone", "faults")

    def end() -> None:
        server.execute("ALTER TABLE gone RENAME TO feeds_blockreport", "faults")

    return end


FAULTS = [read_only, end_sessions, stopped, crashed, frozen, locked, refusing, missing]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_accepted_facts_are_stored_once(
    fault: Fault,
    clerk: Clerk,
    postgresql: PostgreSQL,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reports that are accepted before, during and after a fault are stored, each once."""
    monkeypatch.setattr(module, "OUTAGES", Outages())
    outcomes: list[Outcome] = []
    async with recording(clerk) as recorder:
        recorder.record(opened(), outcomes.append)
        for block in range(1, BLOCKS):
            recorder.record(reported(block), outcomes.append)
        assert await recorder.flush(PATIENCE_SECONDS)
        end = await asyncio.to_thread(fault, postgresql)
        for block in range(BLOCKS, 2 * BLOCKS):
            recorder.record(reported(block), outcomes.append)
        recorder.record(Said(session=KEY, text="in the dark", at=NOW + timedelta(seconds=1)))
        await recorder.flush(0.3)
        await asyncio.to_thread(end)
        assert await recorder.flush(PATIENCE_SECONDS)
    assert [outcome.kept for outcome in outcomes] == [True] * 2 * BLOCKS
    numbers = postgresql.execute("SELECT number FROM feeds_blockreport ORDER BY number", "faults")
    assert numbers == [(block,) for block in range(1, 2 * BLOCKS)]
    assert postgresql.execute("SELECT text FROM feeds_clientmessage", "faults") == [
        ("in the dark",)
    ]
    assert not (tmp_path / "set_aside.jsonl").exists()
