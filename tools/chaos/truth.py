"""
The ground truth: what every log and every stored report must be.

Each log is judged against messages made anew from the sources
(`tests.support.judge`); each block of it must be stored exactly once, as it
stands in the log, and verified. Nothing here asks the product what is right.
"""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.judge import judge

PATIENCE_SECONDS = 30.0
"""A client that leaves waits for no commit; what the server took comes by then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found about one client."""

    client: str
    blocks: int = 0
    messages: int = 0
    dropped: int = 0
    """Messages that came again and were dropped."""
    fault: str = ""
    """What is not as it must be; empty where all is."""


def find(folder: Path, clients: list[str], *, patience: float = PATIENCE_SECONDS) -> list[Finding]:
    """Judge the logs and reports of *clients*, two at a time."""
    with ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(_find, folder, client, patience) for client in clients]
        return [task.result() for task in tasks]


def _find(folder: Path, client: str, patience: float) -> Finding:
    try:
        session = judge(folder / f"{client}.log")
        headers: list[dict[str, Any]] = [block.header for block in session.blocks]
        expected = [
            (h["block"], h["text"], h["seconds"], h["size"], "verified", h["feeds"])
            for h in headers
        ]
        _await_reports(folder, client, len(expected), patience)
        stored = _stored(folder, client)
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


def _await_reports(folder: Path, client: str, count: int, patience: float) -> None:
    end = time.monotonic() + patience
    while len(_stored(folder, client)) < count and time.monotonic() < end:
        time.sleep(0.2)


def _stored(folder: Path, client: str) -> list[tuple[Any, ...]]:
    query = (
        "SELECT number, text, seconds, size, verdict, ranges FROM feeds_blockreport r"
        " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? ORDER BY number"
    )
    with closing(sqlite3.connect(folder / "var" / "db.sqlite3", timeout=30)) as database:
        rows = database.execute(query, (client,)).fetchall()
    return [(*row[:-1], json.loads(row[-1])) for row in rows]


def _brief(numbers: list[int]) -> str:
    ends = f"{numbers[0]} to {numbers[-1]}" if numbers else "none"
    return f"{len(numbers)} reports ({ends})"
