"""The database locked, gone and full: the feeds continue, and nothing is lost or stored twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from io import FileIO
from pathlib import Path

import pytest

from tests.support.cramped_settings import PAGES
from tests.support.eight import Eight
from tests.support.judge import judge
from tests.support.stack import PATIENCE_SECONDS, Stack, until

LOCKED_SECONDS = float(os.environ.get("BLOCKFEED_LOCKED", "4"))
WAIT = "the database does not accept facts"
AGAIN = "the database accepts facts again"
HEADER_BYTES = 100
"""The header of an SQLite file: https://www.sqlite.org/fileformat2.html."""


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation that waits one second for a lock."""
    stack = Stack(tmp_path, settings="tests.support.impatient_settings")
    yield stack
    stack.close()


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation whose database has little room."""
    stack = Stack(tmp_path, settings="tests.support.cramped_settings")
    yield stack
    stack.close()


def database(stack: Stack) -> Path:
    """Return the path of a stack's database."""
    return stack.folder / "var" / "db.sqlite3"


def test_locked_database_delays_reports(impatient: Stack) -> None:
    """While another program locks the database, reports and promises wait."""
    server = impatient.server()
    generator = impatient.generator("--rate=100")
    eight = Eight(impatient)
    eight.wait_for_blocks(1)
    with closing(sqlite3.connect(database(impatient), timeout=30, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_SECONDS)
        server.wait_for(f"{WAIT} (database is locked)")
        generator.wait_for("the database does not answer (database is locked); waiting")
        sentence = "The database does not accept reports (database is locked)"
        assert sentence in impatient.get("status.json")
        holder.execute("ROLLBACK")
    server.wait_for(AGAIN)
    assert sentence not in impatient.get("status.json")
    eight.wait_for_blocks(2)
    eight.stop()
    eight.judge()
    assert "Traceback" not in server.said + generator.said


def test_generator_stopped_while_locked_says_so(stack: Stack) -> None:
    """A generator that must wait for the database before it ends says so."""
    generator = stack.generator("--rate=100")
    with closing(sqlite3.connect(database(stack), timeout=30, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        generator.process.send_signal(signal.SIGINT)
        generator.wait_for("still stopping: waiting for the database or the channel layer")
        holder.execute("ROLLBACK")
    assert generator.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in generator.said


def test_server_stopped_while_locked_says_so(impatient: Stack) -> None:
    """A server that could not store everything says this in its log and by its exit code."""
    server = impatient.server()
    impatient.generator("--rate=100")
    client = impatient.client("alice", "--block-size=10")
    client.wait_for("Block 1 received successfully")
    with closing(sqlite3.connect(database(impatient), timeout=30, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        server.wait_for(f"{WAIT} (database is locked)")
        assert server.stop(signal.SIGTERM) == 1
        holder.execute("ROLLBACK")
    assert "facts were not stored: the database did not answer" in server.said
    again = impatient.server()
    again.wait_for("alice connected")
    impatient.leave("alice", client, "--block-size=10")
    session = judge(impatient.log("alice"))
    assert set(session.verdicts) == {block.header["block"] for block in session.blocks}


def test_missing_database_does_not_stop_clients(impatient: Stack) -> None:
    """While the database cannot be opened, clients are served from the server's memory."""
    server = impatient.server()
    generator = impatient.generator("--rate=100")
    eight = Eight(impatient)
    eight.wait_for_blocks(1)
    # In its place is a folder, which no process can open as a database; its journal stays.
    path, away = database(impatient), impatient.folder / "away"
    path.rename(away)
    path.mkdir()
    server.wait_for(f"{WAIT} (unable to open database file)")
    generator.wait_for("the database does not answer (unable to open database file); waiting")
    path.rmdir()
    away.rename(path)
    server.wait_for(AGAIN)
    eight.wait_for_blocks(2)
    eight.stop()
    eight.judge()
    assert "Traceback" not in server.said + generator.said


def damage(path: Path, file: FileIO) -> bytes:
    """
    Clear the header of the database at *path*, which *file* has open; return the header.

    It waits until the log holds no newer first page, which would be read instead.
    """
    log = path.with_name(f"{path.name}-wal")
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as holder:

        def is_alone() -> bool:
            holder.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            holder.execute("BEGIN IMMEDIATE")
            if log.stat().st_size:
                holder.execute("ROLLBACK")
            return holder.in_transaction

        until(is_alone, lambda: "the log was never empty")
        header = file.read(HEADER_BYTES)
        file.seek(0)
        file.write(bytes(HEADER_BYTES))
        holder.execute("ROLLBACK")
    return header


def test_damaged_database_ends_nothing(impatient: Stack) -> None:
    """The generator waits for a damaged database; a client that connects meanwhile is not lost."""
    server = impatient.server()
    generator = impatient.generator("--rate=100")
    alice = impatient.client("alice", "--block-size=10")
    alice.wait_for("Block 1 verified")
    with database(impatient).open("r+b", buffering=0) as file:
        header = damage(database(impatient), file)
        generator.wait_for("the database does not answer (file is not a database); waiting")
        server.wait_for("the database does not answer (file is not a database)")
        bob = impatient.client("bob", "--block-size=500")
        server.wait_for("bob connected from")
        file.seek(0)
        file.write(header)
    bob.wait_for("Block 1 verified")
    alice.wait_for(f"Block {alice.said.count('received successfully') + 1} verified")
    assert generator.process.poll() is None
    for name, client in (("alice", alice), ("bob", bob)):
        assert client.stop() == 0
        judge(impatient.log(name))
    assert "Traceback" not in server.said + generator.said
    assert not (impatient.folder / "var" / "set_aside.jsonl").exists()


def test_full_database_delays_reports(cramped: Stack) -> None:
    """While the database is full, reports wait until there is room again."""
    with closing(sqlite3.connect(database(cramped))) as filler:
        filler.execute("CREATE TABLE ballast (bytes BLOB)")
        (pages,) = filler.execute("PRAGMA page_count").fetchone()
        filler.execute("INSERT INTO ballast VALUES (zeroblob(?))", [(PAGES - pages - 20) * 4096])
        filler.commit()
    server = cramped.server()
    cramped.generator("--rate=100")
    client = cramped.client("alice", "--block-size=1", "--feed=users", "--feed=arrays")
    server.wait_for(f"{WAIT} (database or disk is full)")
    seen = client.said.count("received successfully")
    until(
        lambda: client.said.count("received successfully") > seen + 100,
        lambda: client.said,
    )
    with closing(sqlite3.connect(database(cramped), timeout=30)) as filler:
        filler.execute("DROP TABLE ballast")
        filler.commit()
    server.wait_for(AGAIN)
    assert client.stop() == 0
    session = judge(cramped.log("alice"))
    stored = "SELECT count(*), count(DISTINCT number) FROM feeds_blockreport"
    expected = [(len(session.blocks), len(session.blocks))]
    until(lambda: cramped.rows(stored) == expected, lambda: str(cramped.rows(stored)))
    assert "Traceback" not in server.said
