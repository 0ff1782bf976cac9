"""The plots of a study, each sized for the width of a phone."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from ..analysis.cell import Cell
from ..analysis.study import Model, Study
from ..analysis.total import most_clients
from ..analysis.trial import Condition

COLOURS = ("#0f766e", "#b45309", "#1d4ed8", "#be185d", "#4d7c0f", "#6d28d9", "#334155")
Key = tuple[str, int]

SIZE = (5.4, 3.6)
"""Inches: letters of 10 points are readable on a page 360 pixels wide."""
DPI = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture with its title and caption."""

    name: str
    """The name of its file, without the suffix."""
    title: str
    caption: str
    png: bytes


def plots(study: Study) -> Iterator[Plot]:
    """Yield the plots for which *study* has points."""
    several = [cell for cell in study.cells if cell.condition.block_size > 1]
    timed = [cell for cell in study.cells if cell.latency is not None]
    if several:
        yield _plot(
            "block-time",
            "Block time against block size",
            "Points: mean of a cell. Line: the mean ideal. Points for different numbers of "
            "clients coincide if clients make no difference.",
            lambda axes: _block_time(axes, several),
        )
        yield _plot(
            "overhead",
            "Overhead: block time beyond the ideal",
            "Points: mean with its 95 % confidence interval over repeats. Crosses: p99 of all "
            "blocks. Below zero, blocks were faster than the schedule.",
            lambda axes: _overhead(axes, several),
        )
    if timed:
        yield _plot(
            "latency",
            "Latency against clients",
            "Solid: median. Dashed: p99. Shaded: the error bound of the clock, if clocks "
            "were compared.",
            lambda axes: _latency(axes, timed),
        )
    if study.totals:
        yield _plot(
            "total",
            "The same messages at each block size",
            "Circles: from the first to the last message. Squares: the sum of the block times, "
            "without the waits between blocks. Line: the ideal.",
            lambda axes: _total(axes, study),
        )
    for model in study.models:
        if model.outcome.residuals:
            yield _plot(
                f"residuals-{model.response.replace(' ', '-')}",
                f"Residuals: {model.response}",
                "A fit is given only if these scatter around zero without a pattern.",
                lambda axes, model=model: _residuals(axes, model),  # type: ignore[misc]
            )


# The names of feeds come from logs; they are not formulas.
@rc_context({"text.parse_math": False})
def _plot(name: str, title: str, caption: str, draw: Callable[[Axes], None]) -> Plot:
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8, frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return Plot(name=name, title=title, caption=caption, png=file.getvalue())


def _block_time(axes: Axes, cells: Sequence[Cell]) -> None:
    for colour, ((feeds, clients), line) in _coloured(cells, lambda at: (at.feeds, at.clients)):
        sizes = [cell.condition.block_size for cell in line]
        axes.plot(sizes, [cell.ideal for cell in line], color="#94a3b8", zorder=1)
        axes.scatter(
            sizes,
            [cell.mean for cell in line],
            s=22,
            facecolors="none",
            edgecolors=colour,
            label=f"{clients} client{'s' * (clients != 1)}, {feeds}",
        )
    _number_axis(axes, [cell.condition.block_size for cell in cells])
    axes.set_xlabel("block size (messages)")
    axes.set_ylabel("block time (s)")


def _overhead(axes: Axes, cells: Sequence[Cell]) -> None:
    for colour, ((feeds, size), line) in _coloured(cells, lambda at: (at.feeds, at.block_size)):
        clients = [cell.condition.clients for cell in line]
        mean = [cell.overhead * 1000 for cell in line]
        half = [
            (cell.interval.high - cell.interval.low) * 500 if cell.interval else 0.0
            for cell in line
        ]
        label = f"blocks of {size}, {feeds}"
        axes.errorbar(clients, mean, half, color=colour, marker="o", ms=4, capsize=3, label=label)
        highest = [cell.overheads.p99 * 1000 for cell in line]
        axes.plot(clients, highest, color=colour, marker="x", linestyle=":", linewidth=0.8)
    _client_axis(axes, cells)
    axes.set_ylabel("beyond the ideal (ms)")


def _latency(axes: Axes, cells: Sequence[Cell]) -> None:
    for colour, ((feeds, size), line) in _coloured(cells, lambda at: (at.feeds, at.block_size)):
        known = [(cell.condition.clients, cell.latency) for cell in line if cell.latency]
        clients = [count for count, _ in known]
        median = [latency.p50 * 1000 for _, latency in known]
        error = [(latency.clock_error or 0.0) * 1000 for _, latency in known]
        label = f"blocks of {size}, {feeds}"
        axes.plot(clients, median, color=colour, marker="o", ms=4, label=label)
        axes.plot(
            clients,
            [latency.p99 * 1000 for _, latency in known],
            color=colour,
            marker="x",
            linestyle="--",
        )
        low = [value - off for value, off in zip(median, error, strict=True)]
        high = [value + off for value, off in zip(median, error, strict=True)]
        axes.fill_between(clients, low, high, color=colour, alpha=0.15, linewidth=0)
    _client_axis(axes, cells)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_ylabel("latency (ms)")


def _total(axes: Axes, study: Study) -> None:
    line = most_clients(study.totals)
    sizes = [total.block_size for total in line]
    axes.plot(sizes, [total.ideal for total in line], color="#94a3b8", zorder=1, label="ideal")
    whole, parts = [total.seconds for total in line], [total.in_blocks for total in line]
    axes.plot(sizes, whole, "o", color=COLOURS[0], ms=6, label="first to last message")
    axes.plot(sizes, parts, "s", color=COLOURS[1], ms=4, label="sum of block times")
    _number_axis(axes, sizes)
    axes.set_xlabel(f"block size ({line[0].clients} clients, {line[0].feeds})")
    axes.set_ylabel(f"seconds for {line[0].messages} messages")
    axes.set_ylim(bottom=0, top=max(whole) * 1.3)


def _residuals(axes: Axes, model: Model) -> None:
    outcome = model.outcome
    axes.axhline(0, color="#94a3b8")
    axes.scatter(
        outcome.fitted, [off * 1000 for off in outcome.residuals], s=16, color=COLOURS[0], alpha=0.7
    )
    axes.set_xlabel(f"fitted {model.response} ({model.unit})")
    axes.set_ylabel("residual (ms)")


def _coloured(
    cells: Sequence[Cell], key: Callable[[Condition], Key]
) -> Iterator[tuple[str, tuple[Key, list[Cell]]]]:
    lines: defaultdict[Key, list[Cell]] = defaultdict(list)
    for cell in cells:
        lines[key(cell.condition)].append(cell)
    for number, line in enumerate(lines.items()):
        yield _colour(number, len(lines)), line


def _colour(number: int, count: int) -> str:
    """Return the colour of one of *count* lines; no two lines share a colour."""
    if count <= len(COLOURS):
        return COLOURS[number]
    return to_hex(hls_to_rgb(number / count, 0.3 + 0.15 * (number % 3), 0.7))


def _client_axis(axes: Axes, cells: Sequence[Cell]) -> None:
    _number_axis(axes, [cell.condition.clients for cell in cells])
    axes.set_xlabel("clients in the logs")


def _number_axis(axes: Axes, values: Sequence[int]) -> None:
    """Format the axis as numbers, with a tick at each measured value."""
    counts = sorted(set(values))
    if counts[-1] > 10 * counts[0]:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
