"""The logs of a sweep, read as trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.figures.measured import Reason
from clientapp.lab.analysis.trial import Condition
from clientapp.lab.study.logs import OF_BLOCKS
from clientapp.lab.study.plan import Plan, SweepRun, folder_of, write_sweep
from clientapp.lab.study.settled import SETTLED, read_sweep
from tests.support.block_logs import BOB, STARTED_US, judged, session_log, users

PLAN = Plan(
    url="ws://127.0.0.1:8000/",
    feed="users",
    rate=1.0,
    block_sizes=(1, 3),
    clients=(2,),
    repeats=1,
    seconds=9.0,
    seed=1,
)
RUN = SweepRun(clients=2, repeat=1, load=0.25, server=0.5)


def keep(folder: Path, run: SweepRun = RUN, *, messages: int = 12) -> Path:
    """Write a sweep of one run: a client of each block size, a message a second."""
    logs = folder / folder_of(run.clients, run.repeat)
    logs.mkdir(parents=True)
    for size in PLAN.block_sizes:
        asked = replace(BOB, client=f"sweep-{size}", feeds=("users",), block_size=size)
        (logs / f"{size}.log").write_bytes(judged(session_log(asked, users(1, messages))))
    write_sweep(folder, PLAN, [run])
    return folder


def test_only_settled_blocks_count(tmp_path: Path) -> None:
    """Blocks that begin in the first second, or end after the first client left, do not count."""
    ones, threes = read_sweep(keep(tmp_path)).trials
    assert ones.condition == Condition(1.0, 2, 1, "users 1/s")
    assert threes.condition == Condition(1.0, 2, 3, "users 1/s")
    assert [block.number for block in ones.blocks] == list(range(2, 13))
    assert [block.number for block in threes.blocks] == [2, 3, 4]


def test_settling_starts_with_the_last_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No block counts while clients are still joining."""
    keep(tmp_path)
    monkeypatch.setattr("tests.support.block_logs.STARTED_US", STARTED_US + 4_000_000)
    late = replace(BOB, client="late", feeds=("users",), block_size=3)
    log = judged(session_log(late, users(5, 13), offset=4))
    (tmp_path / folder_of(2, 1) / "late.log").write_bytes(log)
    ones, threes = read_sweep(tmp_path).trials
    assert [block.number for block in ones.blocks] == list(range(6, 13))
    assert sorted((block.client, block.number) for block in threes.blocks) == [
        ("late second-s", 2),
        ("sweep-3 second-s", 3),
        ("sweep-3 second-s", 4),
    ]


def test_costs_are_reported(tmp_path: Path) -> None:
    """The manifest shows load side and server separately; a busy load side is named first."""
    reading = read_sweep(keep(tmp_path))
    assert reading.facts["load side at 1 messages/s"] == "0.25 cores with 2 clients"
    assert reading.facts["server at 1 messages/s"] == "0.50 cores with 2 clients"
    assert (reading.notes, reading.bound) == ((SETTLED, OF_BLOCKS), ())
    assert "not the bottleneck" in [*reading.opening()][-1]
    busy = replace(
        RUN,
        server=None,
        bound="the load side is the bottleneck",
        failed=1,
        why="member-00001: the server is away",
        unacknowledged=3,
    )
    write_sweep(tmp_path, PLAN, [busy])
    reading = read_sweep(tmp_path)
    assert "not known" in reading.facts["server at 1 messages/s"]
    assert next(reading.opening()) == (
        "Do not trust the figures below: at 1 messages/s with 2 clients the load side is the "
        "bottleneck."
    )
    assert reading.notes[2:] == (
        (
            "At 1 messages/s, clients that failed: 1, in 1 of 1 runs; "
            "the first: member-00001: the server is away"
        ),
        "At 1 messages/s, reports not acknowledged before their clients left: 3",
    )


def test_damaged_block_is_left_out(tmp_path: Path) -> None:
    """A block with a wrong checksum is left out, and a note says so."""
    (log,) = (keep(tmp_path) / folder_of(2, 1)).glob("3.log")
    log.write_bytes(log.read_bytes().replace(b"del 8", b"del 9"))
    reading = read_sweep(tmp_path)
    assert [block.number for block in reading.trials[1].blocks] == [2, 4]
    assert "Blocks left out because they do not match their checksum: 1." in reading.notes


def test_unjudged_blocks_are_left_out(tmp_path: Path) -> None:
    """A block whose report got no verdict before its client left is in no figure."""
    (log,) = (keep(tmp_path) / folder_of(2, 1)).glob("3.log")
    log.write_bytes(log.read_bytes().replace(b"=== verdict of block 3: verified\n", b""))
    reading = read_sweep(tmp_path)
    assert [block.number for block in reading.trials[1].blocks] == [2, 4]
    assert reading.left_out == {Reason.UNJUDGED: 1}


def test_sweep_too_short_to_settle_is_refused(tmp_path: Path) -> None:
    """If no block can be used, the sentence advises longer runs."""
    with pytest.raises(CouldNot, match="no block can be used; let the runs last longer"):
        read_sweep(keep(tmp_path, messages=1))
