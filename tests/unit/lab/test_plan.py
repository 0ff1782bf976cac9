"""The plan of a sweep and its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.lab.study.plan import Plan, SweepRun, read_plan, write_sweep

PLAN = Plan(
    url="ws://127.0.0.1:8000/",
    feed="users",
    rate=2.5,
    block_sizes=(1, 5),
    clients=(2, 10, 20),
    repeats=4,
    seconds=3.0,
    seed=7,
)


def test_order_of_runs_depends_on_the_seed() -> None:
    """Every run is done once; the seed sets the order, which is not by number of clients."""
    runs = PLAN.runs()
    assert sorted(runs) == [(clients, n) for clients in (2, 10, 20) for n in (1, 2, 3, 4)]
    assert runs == PLAN.runs()
    assert runs != replace(PLAN, seed=8).runs()
    assert runs != sorted(runs)


def test_sweep_file_round_trip(tmp_path: Path) -> None:
    """The plan and the finished runs are read back unchanged."""
    runs = [
        SweepRun(clients=10, repeat=2, load=0.5, server=None),
        SweepRun(clients=2, repeat=1, load=0.1, server=0.25),
    ]
    write_sweep(tmp_path, PLAN, runs)
    assert read_plan(tmp_path) == (PLAN, runs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, r"sweep\.json cannot be read: No such file"),
        ("{}", "is not the file of a sweep: 'plan'"),
        ("[", "is not the file of a sweep: "),
        (
            '{"plan": {"block_sizes": [1], "clients": [2]}, "runs": []}',
            "is not the file of a sweep",
        ),
    ],
    ids=["none", "empty", "torn", "incomplete"],
)
def test_folder_without_a_sweep_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    """A folder without a sweep's file is refused in one sentence."""
    if text is not None:
        (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(CouldNot, match=why):
        read_plan(tmp_path)


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    """The sentence names the folder."""
    with pytest.raises(CouldNot, match=r"the sweep cannot be written to .*none: No such file"):
        write_sweep(tmp_path / "none", PLAN, [])
