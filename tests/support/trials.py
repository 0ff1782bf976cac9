"""Trials whose figures can be computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

from clientapp.lab.analysis.trial import Condition, LatencyFigures, TimedBlock, Trial

RATE = 10.0
STARTED_US = 1_795_250_000_000_000


def timed_blocks(
    block_size: int, count: int, *, rate: float = RATE, client: str = "a", late: float = 0.0
) -> tuple[TimedBlock, ...]:
    """Return *count* blocks on the schedule, each *late* seconds longer than ideal."""
    blocks = []
    for number in range(1, count + 1):
        started_at = STARTED_US + round((number - 1) * block_size * 1_000_000 / rate)
        seconds = (block_size - 1) / rate + late
        blocks.append(
            TimedBlock(
                client=client,
                number=number,
                seconds=seconds,
                started_at=started_at,
                finished_at=started_at + round(seconds * 1_000_000),
                due=(started_at, started_at + round((block_size - 1) * 1_000_000 / rate)),
            )
        )
    return tuple(blocks)


def trial(
    *,
    clients: int = 10,
    block_size: int = 5,
    repeat: int = 1,
    rate: float = RATE,
    blocks: Sequence[TimedBlock] | None = None,
    late: float = 0.0,
    lost: int = 0,
    duplicates: int = 0,
    latency: float | None = None,
    feeds: str = "users 10/s",
) -> Trial:
    """Return a trial of one client that collected twenty messages or *blocks*."""
    known = tuple(blocks or timed_blocks(block_size, 20 // block_size, rate=rate, late=late))
    received = len(known) * block_size
    return Trial(
        condition=Condition(rate, clients, block_size, feeds),
        repeat=repeat,
        blocks=known,
        received=received,
        expected=received + lost,
        duplicates=duplicates,
        latency=None if latency is None else latencies(latency),
    )


def latencies(median: float) -> LatencyFigures:
    """Return figures around *median*."""
    return LatencyFigures(
        p50=median,
        p99=median * 3,
        max=median * 5,
        clock_error=0.0001,
    )
