"""Processes that store at the same time, in PostgreSQL, which locks rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command

from feeds.making import ownership
from feeds.storing import connections, leases, ledger, retention
from feeds.storing.clerk import Clerk
from feeds.storing.facts import Fact, Reopened, Said
from tests.integration.test_ledger import NOW, closed, opened, reported
from tests.support.postgresql import PostgreSQL, patient_url

CLIENTS = 100
ROUNDS = 6
NOW_US = 1_790_000_000_000_000
KEYS = [f"key-of-a-session-{number}" for number in range(CLIENTS)]


@pytest.fixture
async def clerks(
    postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_children: None
) -> AsyncIterator[list[Clerk]]:
    """Return five processes with one empty database."""
    postgresql.execute("DROP DATABASE IF EXISTS storing")
    postgresql.execute("CREATE DATABASE storing")
    monkeypatch.setenv("BLOCKFEED_VAR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    monkeypatch.setenv("DATABASE_URL", patient_url(postgresql).replace("/postgres?", "/storing?"))
    found = [Clerk() for _ in range(5)]
    await found[0].run(partial(call_command, "migrate", verbosity=0))
    yield found
    for clerk in found:
        await clerk.stop()


async def store(clerk: Clerk, keys: list[str], block: int) -> None:
    """Store reports of blocks from number *block* on."""
    for number in range(ROUNDS):
        # Sessions get different increments, so they are updated by several statements.
        facts = [
            reported(block + number * 3 + n, key=key)
            for place, key in enumerate(keys)
            for n in range(1 + place % 3)
        ]
        await clerk.run(ledger.commit, facts)


async def beat(clerk: Clerk) -> None:
    """Store the heartbeats of two servers, one of which others consider dead."""
    for number in range(ROUNDS * 4):
        at = NOW + timedelta(seconds=number)
        behind = {f"c-{key}": number + 1 for key in KEYS[number::7]}
        for server in ("one", "two"):
            await clerk.run(leases.renew, server, number, at)
            await clerk.run(connections.note_lags, server, behind)
        if number % 8 == 7:
            await clerk.run(connections.close_lost, "one", number)


async def come_back(clerk: Clerk) -> None:
    """Mark connections that are still served as open again."""
    facts = [Reopened(session=key, channel=f"c-{key}") for key in KEYS]
    for number in range(ROUNDS):
        await clerk.run(ledger.commit, facts[number % 2 :: 2])


async def prune(clerk: Clerk) -> None:
    """Remove reports."""
    for _ in range(ROUNDS):
        await clerk.run(removed, NOW + timedelta(seconds=1))


async def test_storing_processes_never_deadlock(
    clerks: list[Clerk], postgresql: PostgreSQL
) -> None:
    """Storing, heartbeats, closing, returning and removing lock rows in one order."""
    first, second, third, fourth, fifth = clerks
    for server, half in (("one", KEYS[::2]), ("two", KEYS[1::2])):
        facts = [opened(f"c-{key}", key, server=server) for key in half]
        await first.run(ledger.commit, facts)

    await asyncio.gather(
        store(first, KEYS, 1),
        store(second, KEYS[::-1], 1_000_000),
        beat(third),
        prune(fourth),
        come_back(fifth),
    )
    assert "deadlock" not in postgresql.said


def removed(before: datetime, kind: str = "reports") -> int:
    """Remove old rows; return their number."""
    return sum(retention.remove(kind, before))


@pytest.mark.parametrize("kind", ["messages", "connections", "reports"])
async def test_rows_are_removed_under_the_lock_of_their_session(
    clerks: list[Clerk], postgresql: PostgreSQL, kind: str
) -> None:
    """Nobody removes rows of a session while another transaction writes to them."""
    text = Said(session=KEYS[0], text="old", at=NOW)
    report, end = reported(1, key=KEYS[0]), closed("c1", KEYS[0])
    facts: list[Fact] = [opened("c1", KEYS[0]), text, report, end]
    await clerks[0].run(ledger.commit, facts)
    with postgresql.connect("storing") as holder, holder.transaction():
        holder.execute(b"SELECT FROM feeds_clientsession FOR UPDATE")
        later = NOW + timedelta(seconds=1)
        removing = asyncio.ensure_future(clerks[1].run(removed, later, kind))
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not removing.done() and not postgresql.execute(waiting):
            await asyncio.sleep(0.01)
        assert not removing.done()
    assert await removing == 1


async def test_sessions_that_begin_twice_never_deadlock(
    clerks: list[Clerk], postgresql: PostgreSQL
) -> None:
    """Two servers may get the same new sessions at the same time, in any order."""
    for number in range(ROUNDS):
        keys = [f"{number}-{key}" for key in KEYS]
        facts = [opened(f"c-{key}", key) for key in keys]
        again = [opened(f"d-{key}", key) for key in keys[::-1]]
        await asyncio.gather(
            clerks[0].run(ledger.commit, facts), clerks[1].run(ledger.commit, again)
        )
    assert "deadlock" not in postgresql.said


async def test_promise_does_not_wait_for_locks_of_sessions(
    clerks: list[Clerk], postgresql: PostgreSQL
) -> None:
    """A promise is made while the rows of all sessions and connections are locked."""
    await clerks[0].run(ledger.commit, [opened(f"c-{key}", key) for key in KEYS])
    with postgresql.connect("storing") as holder, holder.transaction():
        for table in ("feeds_clientsession", "feeds_connection"):
            holder.execute(f"SELECT FROM {table} FOR UPDATE".encode())
            holder.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        storing = asyncio.ensure_future(clerks[0].run(ledger.commit, [reported(1, key=KEYS[0])]))
        owned = await clerks[1].run(ownership.take, "arrays", NOW_US, None)
        promised = await clerks[1].run(ownership.promise, owned, 7, NOW_US + 1)
        assert promised.promised == 7
        assert not storing.done()
    await storing
