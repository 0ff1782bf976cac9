"""Cells: all repeats of a condition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clientapp.figures.measured import Reason
from clientapp.lab.analysis.cell import cells
from clientapp.lab.analysis.trial import Condition, Trial
from tests.support.trials import latencies, timed_blocks, trial


def test_repeats_have_equal_weight() -> None:
    """A repeat with more blocks has no more weight than the other one."""
    short = trial(blocks=timed_blocks(5, 1, late=0.1), repeat=1)
    long = trial(blocks=timed_blocks(5, 9, late=0.0), repeat=2)
    (cell,) = cells([short, long])
    assert cell.ideal == pytest.approx(0.4)
    assert cell.mean == pytest.approx(0.45)
    assert cell.overhead == pytest.approx(0.05)
    assert (cell.repeats, cell.seconds.count) == (2, 10)
    assert cell.interval is not None


def test_each_block_has_its_own_overhead() -> None:
    """Each block is compared with its own ideal, and the spread is over these overheads."""
    blocks = (*timed_blocks(5, 9, late=0.125), *timed_blocks(5, 1, rate=5.0, client="b", late=1.0))
    (cell,) = cells([trial(blocks=blocks)])
    assert cell.overhead == pytest.approx(0.2125)
    assert (cell.overheads.p50, cell.overheads.p99) == pytest.approx((0.125, 1.0))
    assert cell.ideal == pytest.approx(0.44)


def test_left_out_blocks_are_added() -> None:
    """A cell counts the blocks left out in all its repeats."""
    out = {Reason.INTERRUPTED: 2, Reason.BROKEN: 1}
    (cell,) = cells([replace(trial(), left_out=out), replace(trial(repeat=2), left_out=out)])
    assert cell.left_out == {Reason.INTERRUPTED: 4, Reason.BROKEN: 2}


def test_clients_are_not_repeats() -> None:
    """A thousand blocks of one run give no confidence interval."""
    blocks = [block for name in "abc" for block in timed_blocks(5, 300, client=name)]
    (cell,) = cells([trial(blocks=blocks)])
    assert (cell.repeats, cell.interval) == (1, None)


def test_loss_is_counted_exactly() -> None:
    """Reach is the received share of the expected messages."""
    (cell,) = cells([trial(lost=3), trial(repeat=2, lost=2, duplicates=4)])
    assert (cell.received, cell.expected, cell.duplicates) == (40, 45, 4)
    assert cell.reach == 40 / 45


def test_latency_is_the_median_of_repeats() -> None:
    """A cell's percentiles are the medians over its repeats, and its maximum is their largest."""
    trials = [trial(repeat=n, latency=ms / 1000) for n, ms in ((1, 1), (2, 9), (3, 2))]
    (cell,) = cells(trials)
    assert cell.latency is not None
    assert (cell.latency.p50, cell.latency.p99) == (0.002, 0.006)
    assert cell.latency.max == pytest.approx(0.045)
    assert cell.latency.clock_error == latencies(1).clock_error


def test_conditions_are_separate_and_sorted() -> None:
    """Cells are sorted by rate, then clients, then block size."""
    trials = [
        trial(clients=20),
        trial(),
        trial(block_size=1),
        trial(rate=5.0, feeds="users 5/s"),
        trial(clients=20, repeat=2),
    ]
    assert [cell.condition for cell in cells(trials)] == [
        Condition(5.0, 10, 5, "users 5/s"),
        Condition(10.0, 10, 1, "users 10/s"),
        Condition(10.0, 10, 5, "users 10/s"),
        Condition(10.0, 20, 5, "users 10/s"),
    ]


def test_trial_needs_a_block() -> None:
    """Without a block there is no block time, so a trial is refused."""
    with pytest.raises(ValueError, match="at least one block"):
        Trial(
            condition=Condition(1.0, 1, 1),
            repeat=1,
            blocks=(),
            received=0,
            expected=0,
            duplicates=0,
            latency=None,
        )
