"""``manage.py prune`` while a server runs: old rows are removed, and clients are not affected."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

from tests.support.judge import judge
from tests.support.stack import PATIENCE_SECONDS, Stack

OLD = "2020-01-01 00:00:00"
COPIES = 1500
"""Copies of each report of the client that left: more than one transaction can remove."""


def let_grow_old(stack: Stack) -> None:
    """Make alice's first three reports old, and all of bob's, which are many."""
    columns = [name for _, name, *_ in stack.rows("PRAGMA table_info(feeds_blockreport)")]
    kept = ", ".join(columns[1:])
    copied = re.sub(r"\bnumber\b", "number + 2 * n", kept)
    path = stack.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute(
            "WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < ?) "
            f"INSERT INTO feeds_blockreport ({kept}) SELECT {copied} "
            "FROM feeds_blockreport, copies WHERE session_id = "
            "(SELECT id FROM feeds_clientsession WHERE client = 'bob')",
            [COPIES],
        )
        of_alice = "session_id = (SELECT id FROM feeds_clientsession WHERE client = 'alice')"
        database.execute(
            f"UPDATE feeds_blockreport SET received_at = ? WHERE {of_alice} AND number <= 3", [OLD]
        )
        database.execute("UPDATE feeds_clientsession SET seen_at = ? WHERE client = 'bob'", [OLD])
        database.commit()


def test_prune_does_not_affect_clients(stack: Stack) -> None:
    """A client keeps collecting during a large prune; its kept reports and log are whole."""
    server = stack.server()
    generator = stack.generator("--rate=50")
    bob = stack.client("bob", "--block-size=5", "--blocks=2")
    assert bob.process.wait(PATIENCE_SECONDS) == 0
    alice = stack.client("alice", "--block-size=5")
    alice.wait_for("Block 3 verified")
    let_grow_old(stack)
    said = stack.run("prune")
    assert "reports: 3 removed" in said
    assert "sessions: 1 removed" in said
    blocks = alice.said.count("received successfully")
    alice.wait_for(f"Block {blocks + 3} verified")
    assert alice.stop() == 0
    # A reconnecting client is not asked for removed reports, and resumes at its position.
    again = stack.client("alice", "--block-size=5", "--blocks=1")
    assert again.process.wait(PATIENCE_SECONDS) == 0, again.said
    session = judge(stack.log("alice"))
    numbers = [block.number for block in session.blocks]
    assert session.verdicts == dict.fromkeys(numbers, "verified")
    stored = "SELECT number, verdict FROM feeds_blockreport ORDER BY number"
    assert stack.rows(stored) == [(number, "verified") for number in numbers[3:]]
    assert stack.rows("SELECT client FROM feeds_clientsession") == [("alice",)]
    assert "Traceback" not in server.said + generator.said + alice.said
