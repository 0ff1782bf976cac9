"""
The chart of ``docs/explanation/performance.md``: ``chart.py RESULTS CHART``.

Runs in an interpreter that has matplotlib, but not this project.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "blockfeed"
from matplotlib import pyplot as plt  # noqa: E402  after the choice of how to draw

OURS = "blockfeed"


def draw(results: Path, chart: Path) -> None:
    """Draw the throughput of each saturated server with 1,000 clients."""
    figures = [
        figure
        for figure in json.loads(results.read_text(encoding="utf-8"))
        if (figure["mode"], figure["clients"]) == ("saturated", 1000)
    ]
    figures.sort(key=lambda figure: figure["per_second"])
    names = [figure["name"] for figure in figures]
    rates = [figure["per_second"] / 1000 for figure in figures]
    errors = [figure["spread"] * rate for figure, rate in zip(figures, rates, strict=True)]
    canvas, axes = plt.subplots(figsize=(8, 0.5 + 0.4 * len(names)), layout="constrained")
    colors = ["#0f766e" if name == OURS else "#94a3b8" for name in names]
    bars = axes.barh(names, rates, xerr=errors, color=colors)
    axes.bar_label(bars, [f"{rate:,.{0 if rate >= 100 else 1}f}" for rate in rates], padding=6)
    axes.set_xlabel("thousand deliveries a second to 1,000 clients, one frame per write, one core")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    canvas.savefig(chart, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
