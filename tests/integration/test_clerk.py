"""The clerk: a process of its own that stores a node's facts."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command

from feeds.core.limits import LIMITS
from feeds.running import child
from feeds.running.child import ChildEndedError
from feeds.storing import ledger
from feeds.storing.clerk import Clerk
from feeds.storing.facts import Fact, Opened, Outcome, Said
from feeds.storing.recorder import Recorder

pytestmark = pytest.mark.sqlite("its clerk stores in a file")

KEY = "key-of-a-session-1"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OPENED = Opened(
    session=KEY,
    client="alice",
    feeds=("users",),
    block_size=3,
    server="one",
    channel="c1",
    peer="127.0.0.1:5000",
    at=NOW,
)


@pytest.fixture
async def clerk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_children: None
) -> AsyncIterator[Clerk]:
    """Return a clerk with an empty database, and end it."""
    monkeypatch.setenv("BLOCKFEED_VAR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    clerk = Clerk()
    await clerk.run(partial(call_command, "migrate", verbosity=0))
    yield clerk
    await clerk.stop()


def texts(folder: Path) -> list[tuple[str]]:
    """Return the stored texts of clients."""
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        return database.execute("SELECT text FROM feeds_clientmessage ORDER BY id").fetchall()


async def test_clerk_has_the_priority_of_its_server(clerk: Clerk) -> None:
    """A promise may wait for the clerk's transaction, so the clerk has no lower priority."""
    assert await clerk.run(os.nice, 0) == os.nice(0)


async def test_facts_are_stored_by_another_process(clerk: Clerk, tmp_path: Path) -> None:
    """A recorder with a clerk stores facts, and returns the outcome of each."""
    assert await clerk.run(os.getpid) != os.getpid()
    recorder = Recorder(LIMITS, clerk)
    running = asyncio.create_task(recorder.run())
    outcomes: list[Outcome] = []
    recorder.record(OPENED, outcomes.append)
    recorder.record(Said(session=KEY, text="one", at=NOW), outcomes.append)
    recorder.record(Said(session="nobody", text="two", at=NOW), outcomes.append)
    assert await recorder.flush(60)
    assert [outcome.kept for outcome in outcomes] == [True, True, False]
    assert texts(tmp_path) == [("one",)]
    running.cancel()


async def test_facts_wait_for_the_next_clerk(clerk: Clerk, tmp_path: Path) -> None:
    """If the clerk is killed, the next one stores the waiting facts."""
    recorder = Recorder(LIMITS, clerk)
    running = asyncio.create_task(recorder.run())
    recorder.record(OPENED)
    assert await recorder.flush(60)
    os.kill(await clerk.run(os.getpid), signal.SIGKILL)
    recorder.record(Said(session=KEY, text="after", at=NOW))
    assert await recorder.flush(60)
    assert texts(tmp_path) == [("after",)]
    running.cancel()


async def test_facts_of_a_hanging_clerk_are_stored_once(
    clerk: Clerk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clerk that hangs after a commit is killed; the next one stores nothing twice."""
    monkeypatch.setattr(child, "LOOK_SECONDS", 0.01)
    recorder = Recorder(LIMITS, clerk)
    facts: list[Fact] = [OPENED, Said(session=KEY, text="once", at=NOW)]
    await clerk.run(ledger.commit, facts)  # as if its answer had been lost
    os.kill(await clerk.run(os.getpid), signal.SIGSTOP)
    monkeypatch.setattr(clerk, "_patience", 0.01)
    running = asyncio.create_task(recorder.run())
    for fact in facts:
        recorder.record(fact)
    while not await recorder.flush(60):
        pass
    assert texts(tmp_path) == [("once",)]
    running.cancel()


async def test_killed_clerk_is_reported(clerk: Clerk) -> None:
    """A call during which the clerk dies fails; the next call works."""
    with pytest.raises(ChildEndedError, match="the clerk has ended"):
        await clerk.run(os.kill, await clerk.run(os.getpid), signal.SIGKILL)
    assert await clerk.run(len, "four") == 4
