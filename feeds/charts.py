"""Figures as charts: the data and options of Chart.js, which ships with unfold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from feeds import show
from feeds.analysis import Analysis, Group, band_name

COLOURS = ("#0d9488", "#d97706", "#3b82f6", "#ec4899", "#65a30d", "#8b5cf6")
"""Read on white as on black."""
MOST_LINES = len(COLOURS)
"""Lines in one chart; more cannot be told apart."""
GREY = "#9ca3af"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A line chart, as the page takes it."""

    title: str
    about: str
    data: str
    options: str
    """JSON, like the data."""


def charts(analysis: Analysis) -> list[Chart]:
    """Return the charts of *analysis*; none where it holds no group."""
    if not analysis.by_size:
        return []
    return [*_against_size(analysis.by_size), *_against_clients(analysis.by_clients)]


def _against_size(groups: Sequence[Group]) -> list[Chart]:
    places = [f"{group.block_size:,}" for group in groups]
    return [
        line_chart(
            "Block time against block size",
            "Median and p99 of the block time.",
            places,
            {
                "median": [group.p50 for group in groups],
                "p99": [group.p99 for group in groups],
            },
            across="block size",
            up="seconds",
        ),
        line_chart(
            "Latency against block size",
            "Median of the blocks' medians, and 99th percentile of their p99.",
            places,
            {
                "median": [show.milliseconds(group.latency_p50) for group in groups],
                "p99": [show.milliseconds(group.latency_p99) for group in groups],
            },
            across="block size",
            up="milliseconds",
        ),
    ]


def _against_clients(groups: Sequence[Group]) -> list[Chart]:
    return [
        line_chart(
            "Block time against clients",
            "Median block time, one line per block size.",
            *_by_block_size(groups, lambda group: group.p50),
            across="clients connected",
            up="seconds",
        ),
        line_chart(
            "Latency against clients",
            "Median of the blocks' medians, one line per block size.",
            *_by_block_size(groups, lambda group: show.milliseconds(group.latency_p50)),
            across="clients connected",
            up="milliseconds",
        ),
    ]


def _by_block_size(
    groups: Sequence[Group], figure: Callable[[Group], float | None]
) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the bands, and per block size the figure at each; None where there is none."""
    bands = sorted({group.band for group in groups})
    figures = {(group.block_size, group.band): figure(group) for group in groups}
    reports: dict[int, int] = {}
    for group in groups:
        reports[group.block_size] = reports.get(group.block_size, 0) + group.reports
    drawn = sorted(sorted(reports, key=lambda size: -reports[size])[:MOST_LINES])
    return [band_name(band) for band in bands], {
        f"blocks of {size:,}": [figures.get((size, band)) for band in bands] for size in drawn
    }


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
    Return the chart of *lines*, each with a value at each of *places*.

    A dense one has small dots, holes where values are None, and few words
    along its foot; a line that is alone needs no legend. Of what is counted
    every mark is a whole number.
    """
    datasets = [
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
    return Chart(
        title=title,
        about=about,
        data=json.dumps({"labels": places, "datasets": datasets}),
        options=json.dumps(
            _options(
                across,
                up,
                has_legend=len(lines) > 1 or not is_dense,
                is_dense=is_dense,
                is_counted=is_counted,
            )
        ),
    )


def _options(
    across: str, up: str, *, has_legend: bool, is_dense: bool, is_counted: bool
) -> dict[str, Any]:
    ticks = {"color": GREY}
    foot = {**ticks, "maxRotation": 0, "maxTicksLimit": 7} if is_dense else ticks
    # As many as fit: Chart.js hides every other one of more, and keeps their decimals.
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
