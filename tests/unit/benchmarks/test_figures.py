"""Medians, spread and ratios of a comparison, and the tables made of them."""

import pytest

from benchmarks.comparison import tables
from benchmarks.comparison.figures import Figure, Window, summarize
from benchmarks.comparison.modes import MODES, Mode

SATURATED = Mode(name="saturated", title="As fast as it goes", clients=1000)
PACED = Mode(name="paced", title="Paced", clients=1000, rate=100)
IDLE = Mode(name="idle", title="Idle", clients=1000, is_idle=True)


def windows(*rates: float) -> list[Window]:
    """Return a window for each rate."""
    return [Window(per_second=rate, server_cpu=1.0) for rate in rates]


def figures(mode: Mode = SATURATED) -> list[Figure]:
    """Return two figures: the limit, and ours at 0.8 of it."""
    return summarize(mode, {"limit": windows(90, 100, 130), "blockfeed": windows(80, 79, 96)})


def test_a_figure_is_the_median() -> None:
    """One slow or quick window moves nothing."""
    assert [figure.per_second for figure in figures()] == [100, 80]


def test_the_ratio_is_to_the_limit_of_the_same_run() -> None:
    """The limit is 1."""
    assert [figure.ratio_to_limit for figure in figures()] == [1.0, 0.8]


def test_the_spread_is_half_of_what_lies_between() -> None:
    """As a part of the median."""
    assert [figure.spread for figure in figures()] == pytest.approx([0.2, 17 / 160])


def test_losses_of_all_windows_count() -> None:
    """A loss in one window is not lost in the median."""
    lossy = [Window(per_second=1, lost=3), Window(per_second=1), Window(per_second=1, doubled=2)]
    (figure,) = summarize(SATURATED, {"peer": lossy})
    assert (figure.lost, figure.doubled) == (3, 2)


def test_without_a_limit_there_is_no_ratio() -> None:
    """And a name without a window has no figure."""
    (figure,) = summarize(SATURATED, {"limit": [], "peer": windows(5)})
    assert (figure.name, figure.ratio_to_limit) == ("peer", None)


def test_latencies_that_were_not_measured_stay_unknown() -> None:
    """Those that were are medians of their own."""
    known = [Window(per_second=1, p50_ms=ms, p99_ms=2 * ms) for ms in (3.0, 1.0, 2.0)]
    (figure,) = summarize(PACED, {"limit": known})
    assert (figure.p50_ms, figure.p99_ms, figure.memory_kb) == (2.0, 4.0, None)


def test_results_have_the_agreed_fields() -> None:
    """Those who read ``latest.json`` find these, and numbers in them."""
    written = figures()[1].write()
    agreed = ("name", "clients", "mode", "per_second", "ratio_to_limit", "p50_ms", "p99_ms")
    assert [written[field] for field in (*agreed, "server_cpu")] == [
        "blockfeed",
        1000,
        "saturated",
        80,
        0.8,
        None,
        None,
        1.0,
    ]


def test_no_two_modes_are_the_same() -> None:
    """A name and a number of clients tell which figure is meant."""
    keys = [(mode.name, mode.clients) for mode in MODES]
    assert len(set(keys)) == len(keys)


def test_a_table_has_the_best_first() -> None:
    """Ours is bold; saturated, latency says nothing and has no column."""
    lines = tables.mode_table(SATURATED, figures()[::-1], []).splitlines()
    assert lines[0] == "### As fast as it goes"
    assert lines[4:] == [
        "| limit | 100 | 20% | 1.000 | 1.00 |  | 0, 0 |",
        "| **blockfeed** | 80 | 11% | 0.800 | 1.00 |  | 0, 0 |",
    ]


def test_a_paced_table_ranks_by_latency() -> None:
    """Who delivers the same sooner is better."""
    found = summarize(
        PACED,
        {
            "slow": [Window(per_second=9, p50_ms=1.0, p99_ms=8.0)],
            "quick": [Window(per_second=9, p50_ms=2.0, p99_ms=4.0)],
        },
    )
    lines = tables.mode_table(PACED, found, []).splitlines()
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| quick", "| slow"]


def test_an_idle_table_tells_memory() -> None:
    """Connections have a price, and no latency."""
    found = summarize(IDLE, {"limit": [Window(per_second=2000, memory_kb=26.04)]})
    assert tables.mode_table(IDLE, found, []).endswith("| limit | 2,000 | 0% | 1.000 | 26.0 |")


def test_failures_stand_below_the_table() -> None:
    """A server that failed is not just missing."""
    text = tables.mode_table(SATURATED, figures(), ["peer: it does not listen"])
    assert text.endswith("Windows without figures:\n\n- peer: it does not listen")


def test_only_what_is_between_the_marks_is_replaced() -> None:
    """What people wrote stays."""
    page = f"above\n{tables.BEGIN}\nold\n{tables.END}\nbelow\n"
    once = tables.splice(page, "new\n")
    assert once == f"above\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nbelow\n"
    assert tables.splice(once, "new") == once


@pytest.mark.parametrize("page", ["", tables.BEGIN, tables.END])
def test_a_page_without_marks_is_left_alone(page: str) -> None:
    """Rather than written over."""
    with pytest.raises(ValueError, match="lacks"):
        tables.splice(page, "new")
