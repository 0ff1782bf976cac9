"""The report of a study as one HTML page that loads nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...figures.measured import Reason
from ..analysis.answers import answers
from ..analysis.cell import Cell
from ..analysis.fit import Coefficient, Fit
from ..analysis.interval import Interval
from ..analysis.study import Model, Study
from ..analysis.total import Total
from .plots import Plot
from .reading import Reading

NEEDS_BLOCKS = {"p90": 10, "p99": 100, "p999": 1000}
"""With fewer blocks than this, a percentile is the largest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Titles and rows of a table, as shown."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(study: Study, plots: Sequence[Plot], reading: Reading, manifest: Mapping[str, Any]) -> str:
    """Return the page; all values from outside are escaped."""
    environment = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        opening=list(reading.opening()),
        is_bound=bool(reading.bound),
        broken=reading.left_out.get(Reason.BROKEN, 0),
        answers=answers(study),
        groups=sorted({cell.condition.feeds for cell in study.cells}),
        times=Table(titles=TIMES, rows=[_times(cell) for cell in study.cells]),
        delivery=Table(titles=DELIVERY, rows=[_delivery(cell) for cell in study.cells]),
        totals=Table(titles=TOTALS, rows=[_total(total) for total in study.totals]),
        models=[
            (model, isinstance(model.outcome, Fit), _coefficients(model)) for model in study.models
        ],
        plots=[(plot, base64.b64encode(plot.png).decode("ascii")) for plot in plots],
        notes=reading.notes,
        manifest=manifest,
        has_marks=any(cell.seconds.count < NEEDS_BLOCKS["p999"] for cell in study.cells),
    )


CONDITION = ("feeds and rate", "clients", "block size")
TIMES = (
    *CONDITION, "blocks", "left out", "ideal s", "mean s", "p50 s", "p90 s", "p99 s", "p99.9 s",
    "overhead ms", "95 % ± ms", "its p50 ms", "its p99 ms", "repeats",
)  # fmt: skip
DELIVERY = (
    *CONDITION, "reach", "received", "expected", "duplicates",
    "latency p50 ms", "p99 ms", "max ms", "clock error ms",
)  # fmt: skip
TOTALS = (
    *CONDITION, "messages", "first to last s", "95 % ± ms", "ideal s",
    "sum of block times s", "reports",
)  # fmt: skip


def _condition(feeds: str, clients: int, block_size: int) -> list[str]:
    return [feeds, f"{clients:,}", f"{block_size:,}"]


def _times(cell: Cell) -> list[str]:
    condition, seconds = cell.condition, cell.seconds
    marked = [
        f"{getattr(seconds, name):.4f}{'*' if seconds.count < needed else ''}"
        for name, needed in NEEDS_BLOCKS.items()
    ]
    return [
        *_condition(condition.feeds, condition.clients, condition.block_size),
        f"{seconds.count:,}",
        f"{sum(cell.left_out.values()):,}",
        f"{cell.ideal:.4f}",
        f"{cell.mean:.4f}",
        f"{seconds.p50:.4f}",
        *marked,
        f"{cell.overhead * 1000:+z.2f}",
        _interval(cell.interval),
        f"{cell.overheads.p50 * 1000:+z.2f}",
        f"{cell.overheads.p99 * 1000:+z.2f}",
        f"{cell.repeats}",
    ]


def _delivery(cell: Cell) -> list[str]:
    condition, latency = cell.condition, cell.latency
    figures: list[float | None] = [None] * 4
    if latency is not None:
        figures = [latency.p50, latency.p99, latency.max, latency.clock_error]
    return [
        *_condition(condition.feeds, condition.clients, condition.block_size),
        # Rounding must not turn a smaller share into 100 %.
        "100 %" if cell.received == cell.expected else f"{cell.reach * 100:.6f} %",
        f"{cell.received:,}",
        f"{cell.expected:,}",
        f"{cell.duplicates:,}",
        *(_milliseconds(value) for value in figures),
    ]


def _total(total: Total) -> list[str]:
    return [
        *_condition(total.feeds, total.clients, total.block_size),
        f"{total.messages:,}",
        f"{total.seconds:.4f}",
        _interval(total.interval),
        f"{total.ideal:.4f}",
        f"{total.in_blocks:.4f}",
        f"{total.reports:,}",
    ]


def _coefficients(model: Model) -> Table:
    coefficients: tuple[Coefficient, ...] = ()
    if isinstance(model.outcome, Fit):
        coefficients = model.outcome.coefficients
    return Table(
        titles=("one more", f"adds ({model.unit})", "95 % from", "to"),
        rows=[
            [each.name, *(f"{value:.6g}" for value in (each.value, each.low, each.high))]
            for each in coefficients
        ],
    )


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:.2f}"


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"± {(interval.high - interval.low) * 500:.2f}"
