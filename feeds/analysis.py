"""
What stored block reports say about block time and latency.

A look costs one bounded read, whatever is stored: a few numbers of each of
the newest reports that somebody asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple, cast

from django.db.models import QuerySet

from feeds.models import BlockReport

MOST_REPORTS = 20_000
"""Reports looked at: about half a second of work, and enough for the p99 of many groups."""
MOST_GROUPS = 40
"""Rows of a table; who needs more reads the CSV in a spreadsheet."""


class Seen(NamedTuple):
    """What is read of a report, under the names of its model."""

    size: int | None
    seconds: float
    latency_p50: float | None
    latency_p99: float | None
    latency_max: float | None
    clock_offset: float | None
    clients: int
    label: str

    @property
    def latencies(self) -> tuple[float, float, float] | None:
        """Its p50, p99 and maximum; None where they are not by the server's clock."""
        told = self.latency_p50, self.latency_p99, self.latency_max
        if self.clock_offset is None or None in told:
            return None
        return cast("tuple[float, float, float]", told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Reports of one block size and one band of clients."""

    block_size: int
    band: int
    """The fewest clients of the band; 0: any number of clients."""
    reports: int
    mean: float
    """Block time in seconds, like the percentiles after it, which are by nearest rank."""
    p50: float
    p90: float
    p99: float
    latency_p50: float | None
    """
    The median of the blocks' medians.

    Like the other two it is of those blocks that have latencies by the
    server's clock: a client's own may be off by any time. None: there is none.
    """
    latency_p99: float | None
    """The 99th percentile of the blocks' own p99: an upper estimate."""
    latency_max: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The answer of the reports that were read."""

    reports: int
    is_capped: bool
    """Whether there are older ones that were not read."""
    without_size: int
    """Reports left out because their client said only the sentence."""
    by_size: list[Group]
    by_clients: list[Group]
    """By block size, then clients."""
    more: int
    """Groups left out of the longer table, those with the fewest reports."""
    labels: list[str]
    """The labels among the reports."""


def analyse(reports: QuerySet[BlockReport]) -> Analysis:
    """Look at the first `MOST_REPORTS` of *reports*, with one read of them."""
    rows = [Seen(*row) for row in reports.values_list(*Seen._fields)[: MOST_REPORTS + 1]]
    read = rows[:MOST_REPORTS]
    sized = [row for row in read if row.size is not None]
    by_size, by_clients = _groups(sized, banded=False), _groups(sized, banded=True)
    return Analysis(
        reports=len(read),
        is_capped=len(rows) > MOST_REPORTS,
        without_size=len(read) - len(sized),
        by_size=_largest(by_size),
        by_clients=_largest(by_clients),
        more=max(0, len(by_clients) - MOST_GROUPS),
        labels=sorted({row.label for row in read if row.label}),
    )


def band_of(clients: int) -> int:
    """Return the fewest clients of the band of *clients*: 1, 2, 5, 10, 20, 50 and so on."""
    return max(edge for edge in _edges(clients) if edge <= max(1, clients))


def band_name(band: int) -> str:
    """Return the band that begins with *band* as people read it, such as ``20-49``."""
    if band <= 1:
        return "1" if band else "any"
    following = band * 5 // 2 if str(band).startswith("2") else band * 2
    return f"{band:,}-{following - 1:,}"


def _edges(clients: int) -> Iterator[int]:
    edge = 1
    while edge <= max(1, clients):
        yield from (edge, edge * 2, edge * 5)
        edge *= 10


def _groups(rows: Sequence[Seen], *, banded: bool) -> list[Group]:
    together: defaultdict[tuple[int, int], list[Seen]] = defaultdict(list)
    for row in rows:
        together[row.size or 0, band_of(row.clients) if banded else 0].append(row)
    return [_group(size, band, together[size, band]) for size, band in sorted(together)]


def _group(block_size: int, band: int, rows: Sequence[Seen]) -> Group:
    seconds = [row.seconds for row in rows]
    p50, p90, p99 = _quantiles(seconds, 0.5, 0.9, 0.99)
    late = [row.latencies for row in rows if row.latencies]
    return Group(
        block_size=block_size,
        band=band,
        reports=len(rows),
        mean=fmean(seconds),
        p50=p50,
        p90=p90,
        p99=p99,
        latency_p50=_quantiles([middle for middle, _, _ in late], 0.5)[0] if late else None,
        latency_p99=_quantiles([tail for _, tail, _ in late], 0.99)[0] if late else None,
        latency_max=max((most for _, _, most in late), default=None),
    )


def _largest(groups: Sequence[Group]) -> list[Group]:
    """Return the groups with the most reports, in the order they have."""
    kept = {id(group) for group in sorted(groups, key=lambda group: -group.reports)[:MOST_GROUPS]}
    return [group for group in groups if id(group) in kept]


def _quantiles(values: Sequence[float], *shares: float) -> list[float]:
    # Every process that has the admin has this module; few of them are asked for an analysis.
    import numpy as np  # noqa: PLC0415

    found: Any = np.quantile(np.asarray(values), shares, method="inverted_cdf")
    return [float(value) for value in found]
