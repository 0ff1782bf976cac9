"""
What was measured, as the statistics take it.

A block is no independent observation: the clients of one run wait for the
same messages on the same machine. A *trial*, one condition in one repeat, is
the smallest thing that may be counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...figures.measured import Reason


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """What was set, and what the block time may depend on."""

    rate: float
    """Messages a second, of all feeds of a client together; 0: it changed within the blocks."""
    clients: int
    """Clients connected at the time, of all block sizes together."""
    block_size: int
    feeds: str = "users 1/s"
    """Names with their rates, as all figures name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedBlock:
    """One block, and how long it took."""

    client: str
    """Tells the sessions of a trial apart; no secret."""
    number: int
    seconds: float
    """From the first to the last message, by a monotonic clock."""
    started_at: int
    """Receipt of the first message, microseconds since 1970."""
    finished_at: int
    """Receipt of the last message, microseconds since 1970."""
    due: tuple[int, int]
    """The first and last intended time of its messages, microseconds since 1970."""

    @property
    def ideal(self) -> float:
        """Seconds that the block takes where every message comes when it is due."""
        return (self.due[1] - self.due[0]) / 1_000_000

    @property
    def overhead(self) -> float:
        """Seconds that it took longer than that."""
        return self.seconds - self.ideal


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFigures:
    """Seconds from the intended time of a message to its receipt."""

    p50: float
    p99: float
    max: float
    clock_error: float | None
    """Bound of the error that all figures share; None: the clocks were not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One condition in one repeat."""

    condition: Condition
    repeat: int
    blocks: tuple[TimedBlock, ...]
    """Those that the figures rest on."""
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    """The others."""
    received: int
    """Messages that came in judged blocks, each counted once."""
    expected: int
    """Offsets that should have come in these."""
    duplicates: int
    latency: LatencyFigures | None

    def __post_init__(self) -> None:
        """Refuse a trial without a block: it has no block time."""
        if not self.blocks:
            raise ValueError("a trial needs a block")
