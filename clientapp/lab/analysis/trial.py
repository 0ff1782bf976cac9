"""
Measured data in the form that the statistics need.

Blocks are not independent observations: the clients of one run wait for the
same messages on the same machine. A *trial*, one condition in one repeat, is
the smallest independent unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...figures.measured import Reason


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """The settings of a run, on which the block time may depend."""

    rate: float
    """Messages per second of all feeds of a client; 0: the rate changed within the blocks."""
    clients: int
    """Clients connected at the time, over all block sizes."""
    block_size: int
    feeds: str = "users 1/s"
    """Names with rates, in the form that all figures use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedBlock:
    """One block and its times."""

    client: str
    """A name that distinguishes the sessions of a trial; not secret."""
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
        """Seconds that the block takes if every message arrives when it is due."""
        return (self.due[1] - self.due[0]) / 1_000_000

    @property
    def overhead(self) -> float:
        """Seconds that the block took beyond the ideal."""
        return self.seconds - self.ideal


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyFigures:
    """Seconds from the intended time of a message to its receipt."""

    p50: float
    p99: float
    max: float
    clock_error: float | None
    """Error bound that all figures share; None: the clocks were not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One condition in one repeat."""

    condition: Condition
    repeat: int
    blocks: tuple[TimedBlock, ...]
    """The blocks that figures use."""
    left_out: Mapping[Reason, int] = field(default_factory=dict)
    """The number of other blocks, by reason."""
    received: int
    """Messages that arrived in judged blocks, each counted once."""
    expected: int
    """Offsets that should have arrived in these blocks."""
    duplicates: int
    latency: LatencyFigures | None

    def __post_init__(self) -> None:
        """Raise ValueError if there is no block, and so no block time."""
        if not self.blocks:
            raise ValueError("a trial needs at least one block")
