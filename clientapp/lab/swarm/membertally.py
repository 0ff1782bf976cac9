"""What one member of a swarm has come to, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.block import Block
from ...core.tally import Tally
from .histogram import Histogram


@dataclass(slots=True)
class MemberTally(Tally):
    """
    Counters of a member, whose latencies go to those of its part.

    What was intended while the member was away is late by its own doing: those
    blocks are interrupted. So is everything that a slow reader gets, which has
    no histogram. Of both no latency is kept.
    """

    histogram: Histogram | None = None
    gaps_in_blocks: int = 0
    """Those that complete blocks hold."""

    def add_block(self, block: Block) -> None:
        """Count a complete block, and its latencies if it was live."""
        super(MemberTally, self).add_block(block)
        self.gaps_in_blocks = self.gaps
        self.latencies.clear()
        if self.histogram is not None and not block.report.interrupted:
            for latency in block.latencies:
                self.histogram.add(latency)

    def forget_rest(self) -> None:
        """Forget the block that a stay left unfinished: all of it comes again."""
        self.gaps = self.gaps_in_blocks
        self.in_block = 0
