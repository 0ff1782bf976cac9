"""The figures of a group of blocks, and the blocks left out of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .measured import LatencySeen, Measured, Reason
from .ranks import Spread, figure, nearest_rank, spread

Key = TypeVar("Key")

RULE = (
    "Block time = ideal + overhead. The ideal is the time from when the first message of a block "
    "was due to when its last one was; the overhead is all that delivery added. "
    "The sum holds for each block and for means; medians need not add up."
)
BASIS = (
    "Times and latencies rest on verified blocks. Blocks around a reconnect or catch-up are left "
    "out, and each figure says how many."
)

POINT_BLOCKS = 20
"""The fewest blocks behind a point of a chart. Of 20 blocks, the median lies between the
sixth and the fifteenth at 95 % confidence, so a few odd blocks do not move it far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of some blocks; None if no block has the value."""

    blocks: int
    """All blocks, including those left out."""
    left_out: Mapping[Reason, int]
    """Blocks per reason that the figures below do not include."""
    seconds: Spread | None
    """Block time."""
    ideal: float | None
    """The median ideal; shown beside the median block time."""
    overhead: Spread | None
    latency: LatencySeen | None
    """Median of the blocks' medians, 99th percentile of their p99 (an upper estimate), maximum."""
    latency_blocks: int
    """Blocks whose latencies are by the server's clock."""
    plain: Spread | None
    """Block times as plain clients report them, a separate series."""

    @property
    def timed(self) -> int:
        """Number of timed blocks."""
        return 0 if self.seconds is None else self.seconds.count


def summarise(blocks: Iterable[Measured]) -> Summary:
    """Return the figures of *blocks*."""
    found = list(blocks)
    reasons = [block.left_out for block in found]
    timed = [block for block, reason in zip(found, reasons, strict=True) if reason is None]
    late = [block.latency for block in timed if block.latency is not None]
    return Summary(
        blocks=len(found),
        left_out=Counter(reason for reason in reasons if reason is not None),
        seconds=spread(block.seconds for block in timed),
        ideal=figure(spread(block.ideal or 0.0 for block in timed), "p50"),
        overhead=spread(block.overhead for block in timed),
        latency=latency_of(late),
        latency_blocks=len(late),
        plain=spread(block.seconds for block in found if block.plain),
    )


def latency_of(blocks: Sequence[LatencySeen]) -> LatencySeen | None:
    """Return the latency of all *blocks* together; None if there are no blocks."""
    if not blocks:
        return None
    return LatencySeen(
        p50=nearest_rank(sorted(one.p50 for one in blocks), 50),
        p99=nearest_rank(sorted(one.p99 for one in blocks), 99),
        max=max(one.max for one in blocks),
    )


def grouped(
    blocks: Iterable[Measured], key: Callable[[Measured], Key]
) -> dict[Key, list[Measured]]:
    """Group *blocks* by *key*."""
    together: defaultdict[Key, list[Measured]] = defaultdict(list)
    for block in blocks:
        together[key(block)].append(block)
    return dict(together)


def left_out_sentence(left_out: Mapping[Reason, int]) -> str:
    """
    Return a sentence on the blocks left out and why; empty if there are none.

    Blocks of plain clients have separate figures, so they get a separate sentence.
    """
    told = [
        f"{left_out[reason]:,} {reason}"
        for reason in Reason
        if reason is not Reason.PLAIN and left_out.get(reason)
    ]
    sentences = [f"Left out: {', '.join(told)}."] if told else []
    if plain := left_out.get(Reason.PLAIN):
        sentences.append(f"Shown separately: {plain:,} {Reason.PLAIN}.")
    return " ".join(sentences)
