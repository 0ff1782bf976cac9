"""What a run of a sweep is to do, and what is kept of it."""

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
    """Return the end of a swarm with two parts."""
    parts = {"arrays:1": PartStatus(unacknowledged=2), "arrays:5": PartStatus(unacknowledged=1)}
    return Outcome(
        asked={}, parts=parts, loads=loads, server=server, failures=failures, seconds=9.0
    )


def test_block_sizes_take_turns() -> None:
    """As many clients of each size as may be, all of them at the one feed."""
    parts = [role.part for role in roles(PLAN, 5)]
    assert [part.block_size for part in parts] == [1, 5, 1, 5, 1]
    assert {part.feeds for part in parts} == {("arrays",)}


def test_nobody_leaves_too_soon() -> None:
    """After the last one came all stay, settle, and have whole blocks for the seconds asked for."""
    stays = [role.stays for role in roles(PLAN, 4)]
    assert [stay.begin for (stay,) in stays] == [number / JOIN_PER_SECOND for number in range(4)]
    largest_block = 2.5
    end = 3 / JOIN_PER_SECOND + SETTLE_SECONDS + PLAN.seconds + largest_block
    assert [stay.end for (stay,) in stays] == [end] * 4


def test_what_is_kept() -> None:
    """Cores are means over time, of all processes together; the first failure speaks for all."""
    bound = Load(processor=[0.9, 1.0, 1.1])
    kept = run_of(
        4,
        2,
        outcome("a: one", "b: two", server=[0.5, 0.75], loads=[Load(processor=[0.25]), bound]),
    )
    assert kept.bound.startswith("the load side is the bottleneck: of process 2 of 2")
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


def test_what_is_not_known() -> None:
    """Nothing is made up of a server that was not looked at, nor of what ended at once."""
    kept = run_of(4, 2, outcome(server=[], loads=[Load()]))
    assert (kept.load, kept.server, kept.bound, kept.failed, kept.why) == (0, None, "", 0, "")
