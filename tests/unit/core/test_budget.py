"""The budget of a connection, with the time passed in."""

from __future__ import annotations

from dataclasses import replace

from feeds.core.allowance import Allowance
from feeds.core.budget import Budget
from feeds.core.limits import LIMITS

SMALL = replace(
    LIMITS,
    frame_rate=10.0,
    frame_burst=100,
    byte_rate=1000.0,
    byte_burst=5000,
    empty_rate=5.0,
    empty_burst=20,
    flood_frames=30,
)


def test_allowance_grows_up_to_its_maximum() -> None:
    """An allowance grows with time, at most up to its initial amount."""
    allowance = Allowance(rate=2.0, most=10.0, now=0.0)
    assert allowance.spend(10, now=100.0) == 0
    assert allowance.wait(now=100.0) == 0
    assert allowance.spend(3, now=100.0) == -3
    assert allowance.wait(now=100.0) == 1.5
    assert not allowance.take(1, now=101.5)
    assert allowance.take(1, now=102.0)


def test_frame_rate() -> None:
    """A client that sends more frames than allowed waits, and is not disconnected."""
    budget = Budget(SMALL, 0.0)
    for _ in range(SMALL.frame_burst):
        budget.spend(1, 0.0, carries=True)
    assert budget.wait(0.0) == 0
    for _ in range(50):
        budget.spend(1, 0.0, carries=True)
    assert budget.wait(0.0) == 50 / SMALL.frame_rate
    assert not budget.is_flooded


def test_byte_rate() -> None:
    """A client that sends more bytes than allowed waits, and is not disconnected."""
    budget = Budget(SMALL, 0.0)
    budget.spend(SMALL.byte_burst - 6, 0.0, carries=True)
    assert budget.wait(0.0) == 0
    budget.spend(994, 0.0, carries=True)
    assert budget.wait(0.0) == 1.0
    assert budget.wait(1.0) == 0
    assert not budget.is_flooded


def test_empty_frames_at_full_speed_end_in_a_flood() -> None:
    """A client that sends empty frames as fast as they are read is disconnected in the end."""
    budget, now, sent = Budget(SMALL, 0.0), 0.0, 0
    while not budget.is_flooded:
        budget.spend(0, now, carries=False)
        now += budget.wait(now)
        sent += 1
        assert sent < 1000
    assert sent > SMALL.flood_frames


def test_empty_frames_at_a_low_rate_are_allowed_for_ever() -> None:
    """A client that sends empty frames below their rate never waits."""
    budget, now = Budget(SMALL, 0.0), 0.0
    for _ in range(10_000):
        budget.spend(0, now, carries=False)
        assert budget.wait(now) == 0
        now += 1.01 / SMALL.empty_rate
    assert not budget.is_flooded


def test_reports_after_an_outage_are_within_the_budget() -> None:
    """Thousands of reports at once, or two long explanations, are read without a pause."""
    budget = Budget(LIMITS, 0.0)
    for _ in range(LIMITS.frame_burst // 2):
        budget.spend(500, 0.0, carries=True)
    assert budget.wait(0.0) == 0
    budget = Budget(LIMITS, 0.0)
    for _ in range(30):
        budget.spend(LIMITS.frame_bytes, 0.0, carries=True)
    assert budget.wait(0.0) == 0
