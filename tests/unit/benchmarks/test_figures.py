"""Medians, spread and ratios of a comparison, and the tables built from them."""

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
    """Return two figures: the limit, and Blockfeed at 0.8 of it."""
    return summarize(mode, {"limit": windows(90, 100, 130), "blockfeed": windows(80, 79, 96)})


def test_a_figure_is_the_median() -> None:
    """One slow or fast window does not change the figure."""
    assert [figure.per_second for figure in figures()] == [100, 80]


def test_the_ratio_is_to_the_limit_of_the_same_run() -> None:
    """The limit has ratio 1; the others are relative to it."""
    assert [figure.ratio_to_limit for figure in figures()] == [1.0, 0.8]


def test_spread_is_half_the_range() -> None:
    """The spread is half the range of the windows, as a fraction of the median."""
    assert [figure.spread for figure in figures()] == pytest.approx([0.2, 17 / 160])


def test_losses_of_all_windows_are_added() -> None:
    """Losses and duplicates of all windows are added; the median does not hide them."""
    lossy = [Window(per_second=1, lost=3), Window(per_second=1), Window(per_second=1, doubled=2)]
    (figure,) = summarize(SATURATED, {"peer": lossy})
    assert (figure.lost, figure.doubled) == (3, 2)


def test_without_a_limit_there_is_no_ratio() -> None:
    """Without a limit there is no ratio, and a name without windows has no figure."""
    (figure,) = summarize(SATURATED, {"limit": [], "peer": windows(5)})
    assert (figure.name, figure.ratio_to_limit) == ("peer", None)


def test_latency_ignores_windows_without_it() -> None:
    """A latency is the median of the windows that measured it; without any it is unknown."""
    known = [Window(per_second=1, p50_ms=ms, p99_ms=2 * ms) for ms in (3.0, 1.0, 2.0)]
    (figure,) = summarize(PACED, {"limit": known})
    assert (figure.p50_ms, figure.p99_ms, figure.memory_kb) == (2.0, 4.0, None)


def test_results_have_the_agreed_fields() -> None:
    """A reader of ``latest.json`` finds these fields, with numbers in them."""
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


def test_modes_are_unique() -> None:
    """A mode is identified by its name and its number of clients."""
    keys = [(mode.name, mode.clients) for mode in MODES]
    assert len(set(keys)) == len(keys)


def test_table_has_the_best_first() -> None:
    """A saturated table ranks by rate, prints Blockfeed in bold and has no latency column."""
    lines = tables.mode_table(SATURATED, figures()[::-1], []).splitlines()
    assert lines[0] == "### As fast as it goes"
    assert lines[4:] == [
        "| limit | 100 | 20% | 1.000 | 1.00 |  | 0, 0 |",
        "| **blockfeed** | 80 | 11% | 0.800 | 1.00 |  | 0, 0 |",
    ]


def test_paced_table_ranks_by_latency() -> None:
    """At the same rate, the lower 99th percentile of latency ranks first."""
    found = summarize(
        PACED,
        {
            "slow": [Window(per_second=9, p50_ms=1.0, p99_ms=8.0)],
            "quick": [Window(per_second=9, p50_ms=2.0, p99_ms=4.0)],
        },
    )
    lines = tables.mode_table(PACED, found, []).splitlines()
    assert [line.split(" | ")[0] for line in lines[4:]] == ["| quick", "| slow"]


def test_idle_table_shows_memory() -> None:
    """A table of idle connections shows the memory per connection, and no latency."""
    found = summarize(IDLE, {"limit": [Window(per_second=2000, memory_kb=26.04)]})
    assert tables.mode_table(IDLE, found, []).endswith("| limit | 2,000 | 0% | 1.000 | 26.0 |")


def test_failures_are_listed_below_the_table() -> None:
    """A server that failed is listed below the table with the reason."""
    text = tables.mode_table(SATURATED, figures(), ["peer: it does not listen"])
    assert text.endswith("Windows without figures:\n\n- peer: it does not listen")


def test_only_text_between_the_marks_is_replaced() -> None:
    """Text outside the marks stays as people wrote it."""
    page = f"above\n{tables.BEGIN}\nold\n{tables.END}\nbelow\n"
    once = tables.splice(page, "new\n")
    assert once == f"above\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nbelow\n"
    assert tables.splice(once, "new") == once


@pytest.mark.parametrize("page", ["", tables.BEGIN, tables.END])
def test_page_without_marks_is_refused(page: str) -> None:
    """A page without marks raises an error instead of being overwritten."""
    with pytest.raises(ValueError, match="lacks"):
        tables.splice(page, "new")
