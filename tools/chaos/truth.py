"""
The ground truth for every log and every stored report.

Each log is compared with messages regenerated from the sources
(`tests.support.judge`). Each of its blocks must be stored exactly once, as in
the log, and verified. The product's own checks are not used.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tests.support.judge import judge

PATIENCE_SECONDS = 30.0
"""Time in which accepted reports are stored; a leaving client does not wait for commits."""

QUERY = (
    "SELECT number, text, seconds, size, verdict, ranges FROM feeds_blockreport r"
    " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = {} ORDER BY number"
)
Rows = list[tuple[Any, ...]]
Stored = Callable[[str], Rows]
"""Returns the stored reports of a client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result for one client."""

    client: str
    blocks: int = 0
    messages: int = 0
    dropped: int = 0
    """Repeated messages that were dropped."""
    fault: str = ""
    """The fault found; empty if there is none."""


def find(
    folder: Path,
    clients: list[str],
    *,
    patience: float = PATIENCE_SECONDS,
    database: str | None = None,
) -> list[Finding]:
    """
    Judge the logs and reports of *clients*, two at a time.

    *database* is the address of a database of PostgreSQL; None means the file in *folder*.
    """
    stored = partial(_in_postgresql, database) if database else partial(_in_sqlite, folder)
    with ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(_find, folder, client, stored, patience) for client in clients]
        return [task.result() for task in tasks]


def _find(folder: Path, client: str, stored_of: Stored, patience: float) -> Finding:
    try:
        session = judge(folder / f"{client}.log")
        headers: list[dict[str, Any]] = [block.header for block in session.blocks]
        expected = [
            (h["block"], h["text"], h["seconds"], h["size"], "verified", h["feeds"])
            for h in headers
        ]
        _await_reports(stored_of, client, len(expected), patience)
        stored = stored_of(client)
        numbers = [row[0] for row in stored]
        assert numbers == [row[0] for row in expected], f"stored are {_brief(numbers)}"
        for row, wanted in zip(stored, expected, strict=True):
            assert row == wanted, f"stored is {row}, not {wanted}"
        kinds = set(session.verdicts.values())
        assert kinds <= {"verified"}, f"verdicts are {sorted(kinds)}"
    except Exception as error:  # noqa: BLE001  whatever is wrong with a log is a finding
        return Finding(client=client, fault=f"{type(error).__name__}: {error}"[:2000])
    return Finding(
        client=client,
        blocks=len(session.blocks),
        messages=sum(len(block.messages) for block in session.blocks),
        dropped=sum(len(block.dropped) for block in session.blocks),
    )


def _await_reports(stored_of: Stored, client: str, count: int, patience: float) -> None:
    end = time.monotonic() + patience
    while len(stored_of(client)) < count and time.monotonic() < end:
        time.sleep(0.2)


def _in_sqlite(folder: Path, client: str) -> Rows:
    with closing(sqlite3.connect(folder / "var" / "db.sqlite3", timeout=30)) as database:
        rows = database.execute(QUERY.format("?"), (client,)).fetchall()
    return [(*row[:-1], json.loads(row[-1])) for row in rows]


def _in_postgresql(url: str, client: str) -> Rows:
    with psycopg.connect(url) as database:
        return database.execute(QUERY.format("%s").encode(), (client,)).fetchall()


def _brief(numbers: list[int]) -> str:
    ends = f"{numbers[0]} to {numbers[-1]}" if numbers else "none"
    return f"{len(numbers)} reports ({ends})"
