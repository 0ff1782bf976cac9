"""The counters of one member of a swarm."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.block import Block
from ...core.tally import Tally
from .histogram import Histogram


@dataclass(slots=True)
class MemberTally(Tally):
    """
    Counters of a member, which adds its latencies to those of its part.

    Messages that became due while the member was disconnected are late because of the
    member, so their blocks are interrupted and their latencies dropped. A slow reader
    is always late; it has no histogram, and no latency is kept.
    """

    histogram: Histogram | None = None
    gaps_in_blocks: int = 0
    """Gaps in complete blocks."""

    def add_block(self, block: Block) -> None:
        """Count a complete block, and its latencies if it was live."""
        super(MemberTally, self).add_block(block)
        self.gaps_in_blocks = self.gaps
        self.latencies.clear()
        if self.histogram is not None and not block.report.interrupted:
            for latency in block.latencies:
                self.histogram.add(latency)

    def forget_rest(self) -> None:
        """Forget the block that a stay left unfinished: the server sends all of it again."""
        self.gaps = self.gaps_in_blocks
        self.in_block = 0
