"""Reports that contradict themselves, and times that cannot be true."""

from dataclasses import replace
from typing import Any

import pytest

from clientapp.wire.report import Clock, FeedRange, Latency, Report
from feeds.core.plausibility import are_believable, find_contradiction

HONEST = Report(
    block=3,
    text="Client alice received 3 block in 4.002 s time",
    feeds={
        "users": FeedRange(
            epoch="0123456789ab", first=1, last=5, count=5, digest=None, gaps=0, duplicates=0
        )
    },
    size=5,
    seconds=4.0018,
    started_at=1_790_000_000_000_000,
    finished_at=1_790_000_004_001_800,
    latency=Latency(p50=0.001, p99=0.002, max=0.003),
    interrupted=False,
    clock=Clock(offset=7200.0, error=0.001),
)


def test_honest_report_agrees() -> None:
    """A report as our client sends it has no contradiction, and its times can be true."""
    assert find_contradiction(HONEST, "alice") == ""
    assert find_contradiction(HONEST, "guest") == ""
    assert are_believable(HONEST, 4.1)


CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "text of a stranger": (
        {"text": "buy at example.org"},
        "text is 'buy at example.org'; it must be the sentence of block 3",
    ),
    "empty text": ({"text": ""}, "text is ''; it must be the sentence of block 3"),
    "text of another client": (
        {"text": "Client bob received 3 block in 4.002 s time"},
        "text names the client 'bob', but this one is 'alice'",
    ),
    "text of another block": (
        {"text": "Client alice received 4 block in 4.002 s time"},
        "text is of block 4, but block is 3",
    ),
    "text with another time": (
        {"text": "Client alice received 3 block in 4.004 s time"},
        "text says 4.004 s, but seconds is 4.0018",
    ),
    "p50 above p99": (
        {"latency": Latency(p50=0.5, p99=0.1, max=0.5)},
        "latency has p50 0.5, p99 0.1 and max 0.5; p50 must not be above p99, nor p99 above max",
    ),
    "p99 above max": (
        {"latency": Latency(p50=0.1, p99=0.5, max=0.4)},
        "latency has p50 0.1, p99 0.5 and max 0.4; p50 must not be above p99, nor p99 above max",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradiction_is_named(changes: dict[str, Any], reason: str) -> None:
    """A report that contradicts itself or its session is refused with both values."""
    assert find_contradiction(replace(HONEST, **changes), "alice") == reason


CENTURIES = Latency(p50=1e10, p99=1e10, max=1e10)
UNBELIEVABLE: dict[str, dict[str, Any]] = {
    "latency of centuries": {"latency": CENTURIES},
    "latency beyond the age of the messages": {"latency": Latency(p50=0.1, p99=0.2, max=20.0)},
    "received long before it was due": {"latency": Latency(p50=-60.0, p99=0.2, max=0.3)},
    "clock known to nobody": {"clock": Clock(offset=0.0, error=1e9)},
    "block longer than its messages exist": {"seconds": 1e9},
    "finished before it started": {"started_at": HONEST.finished_at + 6_000_000},
    "finished a year later": {"finished_at": HONEST.finished_at + 31_557_600_000_000},
    "without a clock, finished before it started": {"clock": None, "finished_at": 0},
}


@pytest.mark.parametrize("changes", UNBELIEVABLE.values(), ids=UNBELIEVABLE)
def test_times_that_cannot_be_true_are_not_believed(changes: dict[str, Any]) -> None:
    """Times longer than the age of the messages, or at odds with each other, are left out."""
    assert not are_believable(replace(HONEST, **changes), 4.1)


BELIEVABLE: dict[str, tuple[dict[str, Any], float]] = {
    "slow network": ({"latency": Latency(p50=2.0, p99=3.0, max=4.0)}, 8.0),
    "clock of the generator 4 s ahead": ({"latency": Latency(p50=-4.0, p99=-4.0, max=-4.0)}, 0.1),
    "caught up after a day": ({"latency": Latency(p50=1.0, p99=86_000.0, max=86_400.0)}, 86_500.0),
    "clock known badly by a busy client": ({"clock": Clock(offset=0.0, error=20.0)}, 4.1),
    "before 1970": ({"started_at": -4_001_800, "finished_at": 0}, 4.1),
    "without a clock, by a wrong one": ({"clock": None, "latency": CENTURIES}, 4.1),
    "age unknown": ({"seconds": 4.0018}, float("inf")),
}


@pytest.mark.parametrize(("changes", "oldest"), BELIEVABLE.values(), ids=BELIEVABLE)
def test_odd_times_that_can_be_true_are_believed(changes: dict[str, Any], oldest: float) -> None:
    """Slow networks, catching up, wrong clocks and different clocks of hosts are accepted."""
    assert are_believable(replace(HONEST, **changes), oldest)
