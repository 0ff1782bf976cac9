"""Figures from windows: medians, spread, and the ratio to the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.comparison.modes import Mode

LIMIT = "limit"
"""The name of the contestant with which the others are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The measurements of one server in one window."""

    per_second: float
    """Messages delivered per second; in an idle mode, connections accepted."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    server_cpu: float | None = None
    """Cores that the server's process used."""
    client_cpu: float | None = None
    """Cores that the load client used; near 1, it was the bottleneck."""
    memory_kb: float | None = None
    """Resident memory of the server per connection."""
    lost: int = 0
    doubled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The medians of all windows of one server in one mode."""

    name: str
    clients: int
    mode: str
    per_second: float
    ratio_to_limit: float | None
    """None if the limit was not measured."""
    p50_ms: float | None
    p99_ms: float | None
    server_cpu: float | None
    client_cpu: float | None
    memory_kb: float | None
    spread: float
    """Half the distance from the lowest to the highest window, relative to the median."""
    lost: int
    doubled: int

    def write(self) -> dict[str, Any]:
        """Return the figure as a JSON value."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def summarize(mode: Mode, windows: Mapping[str, Sequence[Window]]) -> list[Figure]:
    """Return the figure of each name in *windows*, in their order."""
    limit = windows.get(LIMIT)
    whole = median(window.per_second for window in limit) if limit else None
    return [_figure(mode, name, found, whole) for name, found in windows.items() if found]


def _figure(mode: Mode, name: str, windows: Sequence[Window], whole: float | None) -> Figure:
    rates = [window.per_second for window in windows]
    middle = median(rates)
    return Figure(
        name=name,
        clients=mode.clients,
        mode=mode.name,
        per_second=middle,
        ratio_to_limit=middle / whole if whole else None,
        p50_ms=_median([window.p50_ms for window in windows]),
        p99_ms=_median([window.p99_ms for window in windows]),
        server_cpu=_median([window.server_cpu for window in windows]),
        client_cpu=_median([window.client_cpu for window in windows]),
        memory_kb=_median([window.memory_kb for window in windows]),
        spread=(max(rates) - min(rates)) / 2 / middle if middle else 0.0,
        lost=sum(window.lost for window in windows),
        doubled=sum(window.doubled for window in windows),
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
