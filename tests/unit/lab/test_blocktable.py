"""The table of a swarm's blocks, written by several processes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.core.events import Completed
from clientapp.lab.swarm.blocktable import COLUMNS, BlockTable, begin_table, gather_tables, path_of
from clientapp.lab.swarm.swarmplan import Part, Role, Stay
from clientapp.wire.report import FeedRange, Latency

ROLE = Role(number=7, part=Part(("users", "arrays"), 5), stays=(Stay(0.0, 1.0),))


def completed(block: int) -> Completed:
    """Return a block of two feeds, one with a gap and one with duplicates."""
    lacking = FeedRange(epoch="a", first=1, last=4, count=3, digest="0" * 16, gaps=1, duplicates=0)
    doubled = FeedRange(epoch="b", first=1, last=2, count=2, digest="0" * 16, gaps=0, duplicates=2)
    return Completed(
        block=block,
        text="",
        feeds={"users": lacking, "arrays": doubled},
        size=5,
        seconds=0.25,
        started_at=1000,
        latency=Latency(p50=0.001, p99=0.002, max=0.003),
        clock=None,
        interrupted=True,
        bytes=0,
    )


def test_rows_of_several_processes_are_gathered(tmp_path: Path) -> None:
    """All rows end up in one table; a process without a file is skipped."""
    begin_table(tmp_path)
    for process in (0, 2):
        with path_of(tmp_path, process).open("w", newline="") as file:
            BlockTable(file).add(ROLE, completed(process + 1), clients=process + 40)
    gather_tables(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["blocks.csv"]
    with (tmp_path / "blocks.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert (first["client"], first["part"], first["block_size"]) == (
        ("member-00007", "users+arrays:5", "5")
    )
    assert (first["gaps"], first["duplicates"], first["interrupted"]) == ("1", "2", "True")
    assert [(row["block"], row["clients"]) for row in (first, second)] == [("1", "40"), ("3", "42")]


def test_unwritable_table_is_reported(tmp_path: Path) -> None:
    """A table that cannot be written is reported in one sentence, at any stage."""
    (tmp_path / "blocks.csv").mkdir()
    sentence = r"blocks\.csv cannot be written: Is a directory"
    with pytest.raises(CouldNot, match=sentence):
        begin_table(tmp_path)
    with pytest.raises(CouldNot, match=sentence):
        gather_tables(tmp_path, 1)
