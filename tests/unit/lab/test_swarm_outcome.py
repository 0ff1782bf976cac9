"""The outcome of a swarm, and the bottleneck that may explain it."""

import json
import resource
from collections import Counter
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot
from clientapp.lab.swarm.capacity import PACE, SPARE_FILES, processes_for, require_files
from clientapp.lab.swarm.expectation import MEASURES
from clientapp.lab.swarm.histogram import Histogram
from clientapp.lab.swarm.outcome import Load, Outcome
from clientapp.lab.swarm.status import PartStatus
from clientapp.lab.swarm.swarmplan import Part, Role, Stay

USERS = PartStatus(
    members=3,
    reached=3,
    messages=70,
    expected=60,
    received=57,
    blocks=6,
    gaps=3,
    duplicates=10,
    reconnects=1,
    unacknowledged=2,
    verdicts=Counter(verified=3, broken=1),
    latencies=Histogram({1000: 98, 2000: 1, 64000: 1}),
    clock_error=0.001,
)
ARRAYS = PartStatus(members=1, expected=40, received=40, blocks=4)


def outcome(*loads: Load, **parts: PartStatus) -> Outcome:
    """Return the outcome of a swarm."""
    return Outcome(
        asked={"seed": 7},
        parts=parts,
        loads=loads,
        server=[0.5, 1.0],
        failures=["member-00003: no server"],
        seconds=1.23456,
    )


def test_every_measure_is_measured() -> None:
    """Every measure that can be expected is computed over all parts."""
    found = outcome(users=USERS, arrays=ARRAYS).measured()
    assert found.keys() == MEASURES.keys()
    assert found == {
        "reach": 0.97,
        "latency_p50": 0.001,
        "latency_p90": 0.001,
        "latency_p99": 0.002,
        "latency_p99_9": 0.064,
        "latency_max": 0.064,
        "connected": 0.75,
        "gaps": 3,
        "duplicates": 10,
        "reconnects": 1,
        "blocks": 10,
        "verified": 0.75,
        "broken": 1,
        "unacknowledged": 2,
    }


def test_measures_without_data_are_left_out() -> None:
    """Shares and latencies are left out if nothing was expected, judged or timed."""
    found = outcome(users=PartStatus(members=2)).measured()
    assert found.keys() == {
        *("gaps", "duplicates", "reconnects", "blocks", "broken", "unacknowledged", "connected")
    }
    assert set(found.values()) == {0}
    assert "connected" not in outcome().measured()


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (Load(), None),
        (Load(processor=[0.95, 0.95, 0.1], late=[0.0, 0.3, 0.3]), None),
        (Load(processor=[0.95, 0.1, 0.99, 0.9]), "used 99% of a core"),
        (Load(processor=[0.1] * 3, late=[0.1, 0.25, 0.11]), "ran its event loop up to 0.25 s late"),
    ],
)
def test_busy_process_is_the_bottleneck(load: Load, why: str | None) -> None:
    """Three seconds at full load in any process make the load side the bottleneck."""
    sentence = (
        None
        if why is None
        else (
            f"the load side is the bottleneck: process 2 of 2 {why}; "
            "latencies include its own delays"
        )
    )
    assert outcome(Load(), load).why_bound == sentence


def test_swarm_fails_if_every_member_failed() -> None:
    """If every member failed, the swarm fails with the first reason; one success is enough."""
    with pytest.raises(CouldNot, match="member-00003: no server"):
        outcome(arrays=ARRAYS).require_anybody()
    outcome(users=USERS).require_anybody()
    outcome().require_anybody()


def test_outcome_is_saved(tmp_path: Path) -> None:
    """The file contains the whole outcome, including each part."""
    made = outcome(Load(processor=[0.5, 1.0], late=[0.25]), Load(), users=USERS, arrays=ARRAYS)
    made.save(tmp_path)
    saved = json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))
    assert saved == made.write()
    assert saved["measured"] == made.measured()
    assert saved["parts"]["users"]["reach"] == 0.95
    assert saved["parts"]["users"]["verdicts"] == {"verified": 3, "broken": 1}
    assert saved["parts"]["arrays"]["received"] == 40
    assert saved["load"] == [{"mean": 0.75, "max": 1.0, "late": 0.25}, {"late": 0.0}]
    assert saved["server"] == {"mean": 0.75, "max": 1.0}
    assert (saved["asked"], saved["seconds"]) == ({"seed": 7}, 1.235)
    assert (saved["is_load_bound"], saved["why"]) == (False, "")
    assert saved["failures"] == ["member-00003: no server"]


def test_open_files_are_checked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may not open enough files is not started."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1000 + SPARE_FILES))
    require_files(1000)
    with pytest.raises(CouldNot, match="would need 1065 open files, and 1064 are allowed here;"):
        require_files(1001)


@pytest.mark.parametrize(
    ("members", "rates", "cores", "expected"),
    [
        (10, {}, 4, 1),
        (10, {"users": PACE / 10}, 4, 1),
        (11, {"users": PACE / 10}, 4, 2),
        (1000, {"users": PACE / 10}, 4, 4),
        (2, {"users": PACE}, 4, 2),
        (1, {"users": PACE * 9}, 4, 1),
        (10, {"arrays": PACE}, 4, 1),
    ],
)
def test_processes_keep_pace(
    members: int, rates: dict[str, float], cores: int, expected: int
) -> None:
    """A swarm uses as few processes as keep pace, never more than cores or members."""
    part = Part(("users",), 10)
    roles = [Role(number=one, part=part, stays=(Stay(0, 1),)) for one in range(members)]
    assert processes_for(roles, rates, cores) == expected
