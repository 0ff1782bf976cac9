"""The figures of blocks, compared with values computed by hand."""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.figures.measured import LatencySeen, Measured, Reason, label_of
from clientapp.figures.ranks import nearest_rank, spread
from clientapp.figures.summary import latency_of, left_out_sentence, summarise

GOOD = Measured(
    rates="users 1/s",
    size=3,
    seconds=2.5,
    ideal=2.0,
    verdict="verified",
    interrupted=False,
    plain=False,
    latency=LatencySeen(0.001, 0.002, 0.003),
)
LEFT_OUT = {
    Reason.PLAIN: GOOD._replace(plain=True, verdict="unverifiable", ideal=None, seconds=9.0),
    Reason.BROKEN: GOOD._replace(verdict="broken"),
    Reason.UNVERIFIABLE: GOOD._replace(verdict="unverifiable"),
    Reason.UNJUDGED: GOOD._replace(verdict=""),
    Reason.INTERRUPTED: GOOD._replace(interrupted=True),
    Reason.NO_IDEAL: GOOD._replace(ideal=None),
}


@given(
    values=st.lists(st.floats(0, 1e6), min_size=1, max_size=2000), percent=st.sampled_from([50, 99])
)
def test_nearest_rank_matches_its_definition(values: list[float], percent: int) -> None:
    """The rank matches the definition, not only the formula."""
    found = nearest_rank(sorted(values), percent)
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    smaller = [value for value in values if value < found]
    assert len(smaller) * 100 < percent * len(values)


def test_rank_of_a_tenth_of_a_percent() -> None:
    """The 99.9th percentile of 1,000 values is the 999th, despite binary rounding."""
    assert nearest_rank(list(range(1, 1001)), 99.9) == 999


def test_spread_of_nothing_is_none() -> None:
    """Without values there is no spread."""
    assert spread([]) is None


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_leaves_a_block_out_and_is_counted(reason: Reason) -> None:
    """A block that is left out changes no figure of time or latency."""
    alone, both = summarise([GOOD]), summarise([GOOD, LEFT_OUT[reason]])
    assert (both.blocks, both.left_out) == (2, {reason: 1})
    assert (both.seconds, both.overhead, both.latency) == (
        alone.seconds,
        alone.overhead,
        alone.latency,
    )
    said = "Shown separately" if reason is Reason.PLAIN else "Left out"
    assert left_out_sentence(both.left_out) == f"{said}: 1 {reason}."


def test_plain_clients_have_their_own_series() -> None:
    """Block times of plain clients are shown separately, because they have no ideal."""
    found = summarise([GOOD, LEFT_OUT[Reason.PLAIN]])
    assert found.plain is not None
    assert (found.plain.count, found.plain.p50) == (1, 9.0)


def test_overhead_is_block_time_minus_ideal_block_by_block() -> None:
    """Each block is compared with its own ideal."""
    blocks = [GOOD._replace(ideal=float(n), seconds=n + n / 1000) for n in range(1, 101)]
    found = summarise(blocks)
    assert found.overhead is not None
    assert math.isclose(found.overhead.p50, 0.05)
    assert math.isclose(found.overhead.p99, 0.099)
    assert math.isclose(found.overhead.mean, fmean(n / 1000 for n in range(1, 101)))
    assert found.timed == 100


def test_ideal_is_a_median() -> None:
    """One long block changes neither the ideal nor the block time; it would change a mean."""
    found = summarise(GOOD._replace(ideal=n, seconds=n) for n in (1.0, 2.0, 90.0))
    assert found.seconds is not None
    assert (found.ideal, found.seconds.p50) == (2.0, 2.0)


def test_block_without_the_servers_clock_has_no_latency() -> None:
    """The block's time still counts, because it depends on one clock only."""
    found = summarise([GOOD, GOOD._replace(latency=None)])
    assert (found.timed, found.latency_blocks) == (2, 1)


def test_latency_of_blocks() -> None:
    """The result is the median of medians, the p99 of p99s, and the largest maximum."""
    blocks = [LatencySeen(n / 1000, n / 100, n / 10) for n in range(1, 101)]
    assert latency_of(blocks) == LatencySeen(0.05, 0.99, 10.0)
    assert latency_of([]) is None


def test_figures_without_blocks_are_empty() -> None:
    """Without blocks nothing is measured and nothing is left out."""
    found = summarise([])
    assert (found.blocks, found.timed, found.seconds, found.ideal, found.latency) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert left_out_sentence(found.left_out) == ""


def test_reasons_are_listed_together() -> None:
    """One sentence lists everything that was left out, always in the same order."""
    left_out = {Reason.INTERRUPTED: 1200, Reason.BROKEN: 3, Reason.PLAIN: 139}
    assert left_out_sentence(left_out) == (
        "Left out: 3 broken, 1,200 around a reconnect or catch-up. "
        "Shown separately: 139 of plain clients."
    )


def test_group_is_named_by_feeds_and_rates() -> None:
    """The name does not depend on the order of the feeds, and says which rates are unknown."""
    rates = {"users": 1.0, "arrays": 0.25, "slow": None}
    assert label_of(["users"], rates) == "users 1/s"
    assert label_of(["users", "arrays"], rates) == "arrays 0.25/s + users 1/s"
    assert label_of(["slow"], rates) == "slow at no steady rate"
    assert label_of(["other"], rates) == "other at an unknown rate"
    assert label_of(["fast"], {"fast": 12000.0}) == "fast 12,000/s"
