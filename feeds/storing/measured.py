"""Stored reports as input of the figures: a few columns of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from django.db.models import QuerySet

from clientapp.figures.measured import LatencySeen, Measured, label_of, plain_label
from feeds.models import BlockReport

COLUMNS = (
    "session__feeds", "rates", "size", "seconds", "ideal", "verdict", "interrupted", "plain",
    "latency_p50", "latency_p99", "latency_max", "clock_offset",
)  # fmt: skip


def measured(
    reports: QuerySet[BlockReport], *more: str
) -> Iterator[tuple[Measured, tuple[Any, ...]]]:
    """Yield each of *reports* as `Measured`, with the columns *more*; makes one query."""
    for row in reports.values_list(*COLUMNS, *more):
        yield _measured(*row[: len(COLUMNS)]), row[len(COLUMNS) :]


def _measured(  # noqa: PLR0917  the columns of a row, in order
    feeds: str,
    rates: Mapping[str, float | None],
    size: int | None,
    seconds: float,
    ideal: float | None,
    verdict: str,
    interrupted: bool,  # noqa: FBT001  a column
    plain: bool,  # noqa: FBT001  a column
    *latency: float | None,
) -> Measured:
    *seen, clock_offset = latency
    # Without a clock offset the latency is unknown: a client's clock may be wrong by any amount.
    is_known = clock_offset is not None and None not in seen
    return Measured(
        rates=plain_label(feeds.split()) if plain else _label(feeds, tuple(rates.items())),
        size=size,
        seconds=seconds,
        ideal=ideal,
        verdict=verdict,
        interrupted=interrupted,
        plain=plain,
        latency=LatencySeen(*cast("list[float]", seen)) if is_known else None,
    )


@lru_cache(maxsize=1000)
def _label(feeds: str, rates: tuple[tuple[str, float | None], ...]) -> str:
    return label_of(feeds.split(), dict(rates))
