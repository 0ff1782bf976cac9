"""The plan and the record of one run of a sweep."""

from __future__ import annotations

from clientapp.lab.study.plan import Plan, SweepRun
from clientapp.lab.study.settled import SETTLE_SECONDS
from clientapp.lab.study.sweep import roles, run_of
from clientapp.lab.swarm.outcome import Load, Outcome
from clientapp.lab.swarm.status import PartStatus
from clientapp.lab.swarm.swarmplan import JOIN_PER_SECOND

PLAN = Plan(
    url="ws://127.0.0.1:8000/",
    feed="arrays",
    rate=2.0,
    block_sizes=(1, 5),
    clients=(4,),
    repeats=1,
    seconds=3.0,
    seed=7,
)


def outcome(*failures: str, server: list[float], loads: list[Load]) -> Outcome:
    """Return the outcome of a swarm with two parts."""
    parts = {"arrays:1": PartStatus(unacknowledged=2), "arrays:5": PartStatus(unacknowledged=1)}
    return Outcome(
        asked={}, parts=parts, loads=loads, server=server, failures=failures, seconds=9.0
    )


def test_block_sizes_alternate() -> None:
    """The clients are spread evenly over the block sizes, all on the same feed."""
    parts = [role.part for role in roles(PLAN, 5)]
    assert [part.block_size for part in parts] == [1, 5, 1, 5, 1]
    assert {part.feeds for part in parts} == {("arrays",)}


def test_no_client_leaves_early() -> None:
    """After the last one joins, all stay to settle, then for the requested seconds and a block."""
    stays = [role.stays for role in roles(PLAN, 4)]
    assert [stay.begin for (stay,) in stays] == [number / JOIN_PER_SECOND for number in range(4)]
    largest_block = 2.5
    end = 3 / JOIN_PER_SECOND + SETTLE_SECONDS + PLAN.seconds + largest_block
    assert [stay.end for (stay,) in stays] == [end] * 4


def test_run_is_summarised() -> None:
    """Cores are means over time, summed over all processes; the first failure is kept."""
    bound = Load(processor=[0.9, 1.0, 1.1])
    kept = run_of(
        4,
        2,
        outcome("a: one", "b: two", server=[0.5, 0.75], loads=[Load(processor=[0.25]), bound]),
    )
    assert kept.bound.startswith("the load side is the bottleneck: process 2 of 2")
    assert kept == SweepRun(
        clients=4,
        repeat=2,
        load=1.25,
        server=0.625,
        bound=kept.bound,
        failed=2,
        why="a: one",
        unacknowledged=3,
    )


def test_unknown_values_stay_unknown() -> None:
    """An unwatched server, or a run that ended at once, gets no invented figures."""
    kept = run_of(4, 2, outcome(server=[], loads=[Load()]))
    assert (kept.load, kept.server, kept.bound, kept.failed, kept.why) == (0, None, "", 0, "")
