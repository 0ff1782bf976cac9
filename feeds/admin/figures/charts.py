"""Charts of figures: data and options for Chart.js, which ships with unfold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clientapp.figures.ranks import figure
from clientapp.figures.summary import POINT_BLOCKS, Summary
from feeds import show
from feeds.admin.figures.analysis import Analysis, Group

COLOURS = ("#0d9488", "#d97706", "#3b82f6", "#ec4899", "#65a30d", "#8b5cf6")
"""Colours that are readable on both white and black."""
MOST_LINES = len(COLOURS)
"""The most lines in one chart; more cannot be distinguished."""
GREY = "#9ca3af"
WIDE = 30
"""The ratio of the largest to the smallest number above which their axis is logarithmic."""

Point = tuple[float, float | None]
"""A number on the x axis, and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A line chart, in the form that the page needs."""

    title: str
    about: str
    data: str
    options: str
    """JSON, like *data*."""


def charts(analysis: Analysis) -> list[Chart]:
    """Return the charts of *analysis*; empty if it has no timed block."""
    timed = [group for group in analysis.by_size if group.figures.timed]
    if not timed:
        return []
    drawn = [
        _chart(_block_time, timed, _size),
        _chart(_overhead, timed, _size),
        _chart(_latency, timed, _size),
    ]
    apart = [group for group in analysis.by_clients if group.band and group.figures.timed]
    if apart:
        drawn += [_chart(_overhead, apart, _clients), _chart(_latency, apart, _clients)]
    return drawn


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure for the y axis."""

    title: str
    about: str
    unit: str
    of: Callable[[Summary], float | None]
    blocks: Callable[[Summary], int]
    """Returns the number of blocks in the figure."""


@dataclass(frozen=True, slots=True)
class _Across:
    """A number for the x axis, and the grouping into lines."""

    name: str
    about: str
    of: Callable[[Group], float]
    line: Callable[[Group], str]


_block_time = _Figure(
    "Block time",
    "Median block time",
    "seconds",
    lambda found: figure(found.seconds, "p50"),
    lambda found: found.timed,
)
_overhead = _Figure(
    "Overhead",
    "Median of block time minus ideal",
    "milliseconds",
    lambda found: show.milliseconds(figure(found.overhead, "p50")),
    lambda found: found.timed,
)
_latency = _Figure(
    "Latency",
    "Median of the blocks' medians",
    "milliseconds",
    lambda found: show.milliseconds(None if found.latency is None else found.latency.p50),
    lambda found: found.latency_blocks,
)
_size = _Across(
    "block size",
    "each set of feeds and rates",
    lambda group: group.block_size or 0,
    lambda group: group.rates,
)
_clients = _Across(
    "clients",
    "each set of feeds, rates and block size",
    lambda group: group.clients,
    lambda group: f"{group.rates}, blocks of {group.block_size:,}",
)


def _chart(figure: _Figure, groups: Sequence[Group], across: _Across) -> Chart:
    lines: dict[str, list[Point]] = {}
    weights: dict[str, int] = {}
    few = 0
    for group in groups:
        name = across.line(group)
        value = figure.of(group.figures)
        if value is not None and figure.blocks(group.figures) < POINT_BLOCKS:
            few += 1
        elif value is not None:
            lines.setdefault(name, []).append((across.of(group), value))
        weights[name] = weights.get(name, 0) + group.figures.blocks
    # Keep the lines with the most reports; more could not be distinguished.
    kept = sorted(sorted(lines, key=lambda name: -weights[name])[:MOST_LINES])
    more = len(lines) - len(kept)
    left = f" The table has {show.count(more, 'more line')}." if more else ""
    if few:
        left += (
            f" Only in the table: {show.count(few, 'group')} of fewer than {POINT_BLOCKS} blocks."
        )
    return numeric_chart(
        f"{figure.title} against {across.name}",
        f"{figure.about}, one line for {across.about}.{left}",
        {name: sorted(lines[name]) for name in kept},
        across=across.name if across is _size else "clients connected",
        up=figure.unit,
    )


def numeric_chart(
    title: str,
    about: str,
    lines: Mapping[str, Sequence[Point]],
    *,
    across: str,
    up: str,
    is_dense: bool = False,
) -> Chart:
    """
    Return the chart of *lines*, with points on a numeric x axis.

    The axis is logarithmic if the numbers are far apart. A dense chart has small
    dots, and a hole for each value that is None.
    """
    numbers = [number for points in lines.values() for number, _ in points if number > 0]
    is_wide = bool(numbers) and not is_dense and max(numbers) > WIDE * min(numbers)
    drawn = {name: [{"x": x, "y": y} for x, y in points] for name, points in lines.items()}
    return _drawn(
        title,
        about,
        {"datasets": _datasets(drawn, is_dense=is_dense)},
        _options(
            across,
            up,
            has_legend=len(lines) > 1 or not is_dense,
            is_dense=is_dense,
            is_counted=False,
        ),
        axis="logarithmic" if is_wide else "linear",
    )


def line_chart(
    title: str,
    about: str,
    places: Sequence[str],
    lines: dict[str, Any],
    *,
    across: str,
    up: str,
    is_dense: bool = False,
    is_counted: bool = False,
) -> Chart:
    """
    Return the chart of *lines*, each with a value for each of *places*.

    A dense chart has small dots, a hole for each value that is None, few labels on
    the x axis, and no legend for a single line. If *is_counted*, all marks on the
    y axis are whole numbers.
    """
    return _drawn(
        title,
        about,
        {"labels": places, "datasets": _datasets(lines, is_dense=is_dense)},
        _options(
            across,
            up,
            has_legend=len(lines) > 1 or not is_dense,
            is_dense=is_dense,
            is_counted=is_counted,
        ),
    )


def _datasets(lines: Mapping[str, Any], *, is_dense: bool) -> list[dict[str, Any]]:
    return [
        {
            "label": name,
            "data": values,
            "borderColor": colour,
            "backgroundColor": colour,
            "borderWidth": 2,
            "pointRadius": 1.5 if is_dense else 4,
            "spanGaps": not is_dense,
        }
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False)
    ]


def _drawn(
    title: str, about: str, data: dict[str, Any], options: dict[str, Any], *, axis: str = ""
) -> Chart:
    if axis:
        scale = options["scales"]["x"]
        scale |= {"type": axis, "ticks": {**scale["ticks"], "precision": 0}}
    return Chart(title=title, about=about, data=json.dumps(data), options=json.dumps(options))


def _options(
    across: str, up: str, *, has_legend: bool, is_dense: bool, is_counted: bool
) -> dict[str, Any]:
    ticks = {"color": GREY}
    foot = {**ticks, "maxRotation": 0, "maxTicksLimit": 7} if is_dense else ticks
    # As many as fit: if there are more, Chart.js hides every other one but formats all alike.
    side = {**ticks, "maxTicksLimit": 6} if is_dense else ticks
    if is_counted:
        side = {**side, "precision": 0}
    return {
        "animation": False,
        "responsive": True,
        "maintainAspectRatio": False,
        "plugins": {
            "legend": {
                "display": has_legend,
                "position": "top",
                "align": "end",
                "labels": {"boxWidth": 12, **ticks},
            }
        },
        "scales": {
            "x": {"title": {"display": True, "text": across, **ticks}, "ticks": foot, "grid": {}},
            "y": {
                "title": {"display": True, "text": up, **ticks},
                "ticks": side,
                "grid": {},
                "beginAtZero": True,
            },
        },
    }
