"""
Figures of block logs, computed independently from the documentation.

Shares nothing with the product except the logs and the segments of the feeds, so the two cannot
have the same fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any

from tests.support.log_oracle import OracleBlock, OracleSession, read_log
from tests.support.stack import Stack

PART_OF_1000_S = 10**9
"""Microseconds in which a feed sends as many messages as its rate in thousandths."""


@dataclass(frozen=True)
class Segment:
    """A row of the schedule."""

    first: int
    started_us: int
    rate_milli: int

    def at(self, offset: int) -> int:
        """Return when *offset* was due."""
        return self.started_us + (offset - self.first) * PART_OF_1000_S // self.rate_milli


@dataclass(frozen=True)
class HandBlock:
    """One block of a log, with everything that the figures need."""

    session: str
    """The key of the session."""
    client: str
    number: int
    size: int
    label: str
    seconds: float
    ideal: float
    due: list[int]
    """The intended times of the messages."""
    received: list[int]
    verdict: str
    interrupted: bool
    latency: tuple[float, float, float] | None

    @property
    def counts(self) -> bool:
        """Whether the block is in the figures of time and latency."""
        return self.verdict == "verified" and not self.interrupted


def segments_of(stack: Stack) -> dict[str, list[Segment]]:
    """Return the schedule of each feed."""
    found: defaultdict[str, list[Segment]] = defaultdict(list)
    query = (
        "SELECT name, first, started_us, rate_milli FROM feeds_segment"
        " JOIN feeds_feed ON feeds_feed.id = feed_id ORDER BY first"
    )
    for name, *row in stack.rows(query):
        found[name].append(Segment(*row))
    return found


def blocks_of(stack: Stack, paths: Iterable[Path]) -> list[HandBlock]:
    """Return the blocks of the logs at *paths*."""
    segments = segments_of(stack)
    return [
        _block(session, block, segments)
        for path in paths
        for session in read_log(path)
        for block in session.blocks
    ]


def _block(
    session: OracleSession, block: OracleBlock, segments: dict[str, list[Segment]]
) -> HandBlock:
    holding = {
        (feed, offset): [one for one in segments[feed] if one.first <= offset][-1]
        for feed, offset, _ in block.messages
    }
    due = [holding[feed, offset].at(offset) for feed, offset, _ in block.messages]
    names = []
    for feed in sorted(session.asked["feeds"]):
        mine = {segment for (name, _), segment in holding.items() if name == feed}
        running = [one for one in segments[feed] if one.started_us <= max(due)][-1:]
        rates = {one.rate_milli for one in mine or running}
        pace = f"{rates.pop() / 1000:g}/s" if len(mine) <= 1 else "at no steady rate"
        names.append(f"{feed} {pace}")
    latency = block.header["latency"]
    return HandBlock(
        session=session.asked["session"],
        client=session.asked["client"],
        number=block.number,
        size=len(block.messages),
        label=" + ".join(names),
        seconds=block.header["seconds"],
        ideal=(max(due) - min(due)) / 1e6,
        due=due,
        received=block.stamps,
        verdict=session.verdicts.get(block.number, "").partition(",")[0],
        interrupted=block.header["interrupted"],
        latency=(latency["p50"], latency["p99"], latency["max"])
        if "clock" in block.header
        else None,
    )


def rank(values: Sequence[float], percent: str) -> float:
    """Return the nearest rank of *values*."""
    return sorted(values)[ceil(Fraction(percent) * len(values) / 100) - 1]


def figures(blocks: Sequence[HandBlock]) -> dict[str, Any]:
    """Return all figures of one group; at least one of its *blocks* must count."""
    counted = [block for block in blocks if block.counts]
    seconds = [block.seconds for block in counted]
    overhead = [block.seconds - block.ideal for block in counted]
    late = [block.latency for block in counted if block.latency is not None]
    return {
        "blocks": len(counted),
        "left_out": len(blocks) - len(counted),
        "ideal": fmean(block.ideal for block in counted),
        "ideal_p50": rank([block.ideal for block in counted], "50"),
        "mean": fmean(seconds),
        "p50": rank(seconds, "50"),
        "p90": rank(seconds, "90"),
        "p99": rank(seconds, "99"),
        "p999": rank(seconds, "99.9"),
        "max": max(seconds),
        "overhead": fmean(overhead),
        "overhead_p50": rank(overhead, "50"),
        "overhead_p90": rank(overhead, "90"),
        "overhead_p99": rank(overhead, "99"),
        "latency_p50": rank([p50 for p50, _, _ in late], "50"),
        "latency_p99": rank([p99 for _, p99, _ in late], "99"),
        "latency_max": max(most for *_, most in late),
    }


def grouped(
    blocks: Iterable[HandBlock], key: Callable[[HandBlock], Any]
) -> dict[Any, list[HandBlock]]:
    """Return *blocks* grouped by the result of *key*."""
    found: defaultdict[Any, list[HandBlock]] = defaultdict(list)
    for block in blocks:
        found[key(block)].append(block)
    return dict(found)
