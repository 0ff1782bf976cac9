"""
Block time and latency of stored block reports.

An analysis costs one bounded read, however much is stored: a few numbers
per report, from the newest selected reports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from django.db.models import QuerySet

from clientapp.figures.measured import Measured
from clientapp.figures.summary import Summary, summarise
from feeds.models import BlockReport
from feeds.storing.measured import measured

MOST_REPORTS = 20_000
"""The most reports read: about half a second of work, and enough for the p99 of many groups."""
MOST_GROUPS = 40
"""The most rows of a table; for more, open the CSV in a spreadsheet."""

Row = tuple[Measured, int, str]
"""A block, the number of clients connected, and the name of its client."""
Key = tuple[str, int, int, str]
"""The key of a group: feeds and rates, block size, band of clients, name of the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The reports with the same feeds, rates and block size."""

    rates: str
    """The feeds and their rates."""
    block_size: int | None
    """None: plain clients that did not declare one."""
    band: int
    """The fewest clients of the band; 0: any number of clients."""
    client: str
    """The client's name; empty: any client."""
    clients: float
    """The mean number of clients connected when the reports arrived."""
    figures: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The result of an analysis."""

    reports: int
    is_capped: bool
    """Whether there are older reports that were not read."""
    figures: Summary
    """The summary of all reports read, with the numbers left out and broken."""
    by_size: list[Group]
    """By feeds and rates, then block size."""
    by_clients: list[Group]
    """By feeds, rates and block size, then by the clients connected or the client's name."""
    more: int
    """The number of groups left out of the longer table, the ones with the fewest reports."""


def analyse(reports: QuerySet[BlockReport], *, by_name: bool = False) -> Analysis:
    """
    Analyse the first `MOST_REPORTS` of *reports*, with one read.

    The second table is grouped by the number of clients connected, or with
    *by_name* by the client's name.
    """
    some = measured(reports[: MOST_REPORTS + 1], "clients", "session__client")
    rows = [(block, clients, name) for block, (clients, name) in some]
    read = rows[:MOST_REPORTS]
    by_size = _groups(read, lambda _, __: (0, ""))
    by_clients = _groups(
        read, lambda clients, name: (0, name) if by_name else (band_of(clients), "")
    )
    return Analysis(
        reports=len(read),
        is_capped=len(rows) > MOST_REPORTS,
        figures=summarise(block for block, *_ in read),
        by_size=_largest(by_size),
        by_clients=_largest(by_clients),
        more=max(0, len(by_clients) - MOST_GROUPS),
    )


def band_of(clients: int) -> int:
    """Return the lower end of the band for *clients*: 1, 2, 5, 10, 20, 50 and so on."""
    return max(edge for edge in _edges(clients) if edge <= max(1, clients))


def band_name(band: int) -> str:
    """Return the name of the band that begins at *band*, such as ``20-49``."""
    if band <= 1:
        return "1" if band else "any"
    following = band * 5 // 2 if str(band).startswith("2") else band * 2
    return f"{band:,}-{following - 1:,}"


def _edges(clients: int) -> Iterator[int]:
    edge = 1
    while edge <= max(1, clients):
        yield from (edge, edge * 2, edge * 5)
        edge *= 10


def _groups(rows: Sequence[Row], more: Callable[[int, str], tuple[int, str]]) -> list[Group]:
    """Return the groups of *rows*, sorted; *more* returns the part of the key for clients."""
    together: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        block, clients, name = row
        together[block.rates, block.size or 0, *more(clients, name)].append(row)
    return [
        Group(
            rates=rates,
            block_size=size or None,
            band=band,
            client=client,
            clients=fmean(clients for _, clients, _ in together[rates, size, band, client]),
            figures=summarise(block for block, *_ in together[rates, size, band, client]),
        )
        for rates, size, band, client in sorted(together)
    ]


def _largest(groups: Sequence[Group]) -> list[Group]:
    """Return the groups with the most reports, in unchanged order."""
    most = sorted(groups, key=lambda group: -group.figures.blocks)[:MOST_GROUPS]
    kept = {id(group) for group in most}
    return [group for group in groups if id(group) in kept]
