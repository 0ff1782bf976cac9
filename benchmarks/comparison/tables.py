"""The tables of ``docs/explanation/performance.md``, between two marks in the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.comparison.figures import Figure
from benchmarks.comparison.modes import Mode

BEGIN = "<!-- written by make bench -->"
END = "<!-- end of what make bench writes -->"

Column = tuple[str, Callable[[Figure], str]]


def splice(page: str, text: str) -> str:
    """Return *page* with *text* between the marks; raises ValueError without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN!r} or {END!r}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def mode_table(mode: Mode, figures: Sequence[Figure], failures: Sequence[str]) -> str:
    """Return the section of one mode, best first."""
    columns = _columns(mode)
    ranked = sorted(figures, key=lambda figure: _rank(mode, figure))
    rows = [[read(figure) for _, read in columns] for figure in ranked]
    lines = [f"### {mode.title}", "", *_table([title for title, _ in columns], rows)]
    if failures:
        lines += ["", "Windows without figures:", "", *(f"- {failure}" for failure in failures)]
    return "\n".join(lines)


def roster_table(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return the section on the contestants: name, versions, command line."""
    cells = [[_shown(name), versions, f"`{command}`"] for name, versions, command in rows]
    return "\n".join(
        ["### The servers", "", *_table(["server", "versions", "command line"], cells)]
    )


def _rank(mode: Mode, figure: Figure) -> float:
    return figure.p99_ms or 0.0 if mode.rate else -figure.per_second


def _columns(mode: Mode) -> list[Column]:
    what = "accepted/s" if mode.is_idle else "deliveries/s"
    columns: list[Column] = [
        ("server", lambda figure: _shown(figure.name)),
        (what, lambda figure: f"{figure.per_second:,.0f}"),
        ("±", lambda figure: f"{figure.spread:.0%}"),
        ("of the limit", lambda figure: _number(figure.ratio_to_limit, 3)),
    ]
    if mode.is_idle:
        return [*columns, ("KB each", lambda figure: _number(figure.memory_kb, 1))]
    if not mode.is_saturated:
        columns += [
            ("p50 ms", lambda figure: _number(figure.p50_ms, 1)),
            ("p99 ms", lambda figure: _number(figure.p99_ms, 1)),
        ]
    return [
        *columns,
        ("server cores", lambda figure: _number(figure.server_cpu, 2)),
        ("client cores", lambda figure: _number(figure.client_cpu, 2)),
        ("lost, duplicated", lambda figure: f"{figure.lost:,}, {figure.doubled:,}"),
    ]


def _table(titles: list[str], rows: list[list[str]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _shown(name: str) -> str:
    return f"**{name}**" if name == "blockfeed" else name


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:,.{decimals}f}"
