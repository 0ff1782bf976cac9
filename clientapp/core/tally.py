"""What a run has come to so far, in numbers."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from clientapp.core.events import Summary
from clientapp.core.latency import summarise

LATENCIES_KEPT = 100_000
"""Latencies behind the summary: enough for a p99, and a few megabytes."""


@dataclass(slots=True)
class Tally:
    """Counters of one run, kept by the collector and read by who shows them."""

    block_size: int
    in_block: int = 0
    """Messages in the block being collected."""
    messages: int = 0
    blocks: int = 0
    connects: int = 0
    gaps: int = 0
    """Offsets that did not come."""
    duplicates: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    """Blocks by what the server found."""
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    """Of the last messages, in seconds."""

    def note_message(self, latency: float) -> None:
        """Count a message that came *latency* seconds after its intended time."""
        self.messages += 1
        self.latencies.append(latency)

    @property
    def reconnects(self) -> int:
        """How often the client came back."""
        return max(0, self.connects - 1)

    def summary(self, *, unacknowledged: int, log: str) -> Summary:
        """Return the end of the run."""
        return Summary(
            blocks=self.blocks,
            messages=self.messages,
            reconnects=self.reconnects,
            gaps=self.gaps,
            duplicates=self.duplicates,
            verdicts=dict(self.verdicts),
            unfinished=self.in_block,
            unacknowledged=unacknowledged,
            latency=summarise(self.latencies) if self.latencies else None,
            log=log,
        )
