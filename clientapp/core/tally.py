"""The counters of a run so far."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from ..wire.report import Clock
from .block import Block
from .events import Summary
from .latency import summarise

LATENCIES_KEPT = 100_000
"""The most latencies behind the summary: enough for a p99, in a few megabytes."""


@dataclass(slots=True)
class Tally:
    """Counters of one run, kept by the collector and read by observers."""

    block_size: int
    in_block: int = 0
    """Messages in the block being collected."""
    messages: int = 0
    blocks: int = 0
    interrupted: int = 0
    """Blocks around a reconnect or catch-up; their latencies are not counted."""
    connects: int = 0
    gaps: int = 0
    """Offsets that did not arrive."""
    duplicates: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """Number of blocks per verdict."""
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    """Of the last messages in blocks, in seconds."""
    clock: Clock | None = None
    """The last offset and largest error of those latencies; None: the client's own clock."""

    def add_block(self, block: Block) -> None:
        """
        Count a complete block, with its latencies if it was live.

        The two clocks must not be mixed: once there are latencies by the server's
        clock, those by the client's own are dropped.
        """
        self.blocks += 1
        self.in_block = 0
        if block.report.interrupted:
            self.interrupted += 1
            return
        clock = block.report.clock
        if clock is not None:
            if self.clock is None:
                self.latencies.clear()
                self.clock = clock
            self.clock = Clock(offset=clock.offset, error=max(clock.error, self.clock.error))
        self.latencies.extend(block.latencies)

    @property
    def reconnects(self) -> int:
        """The number of times the client reconnected."""
        return max(0, self.connects - 1)

    def summary(self, *, unacknowledged: int, log: str) -> Summary:
        """Return the summary event that ends the run."""
        return Summary(
            blocks=self.blocks,
            interrupted=self.interrupted,
            messages=self.messages,
            reconnects=self.reconnects,
            gaps=self.gaps,
            duplicates=self.duplicates,
            verdicts=dict(self.verdicts),
            unfinished=self.in_block,
            unacknowledged=unacknowledged,
            latency=summarise(self.latencies) if self.latencies else None,
            clock=self.clock,
            log=log,
        )
