"""
The judge of block logs: what must be in them, made anew from the sources.

It reads logs with its own reader and imports nothing of the product but
``feeds.sources``, so that a fault of the product cannot excuse itself.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feeds.sources import make_source
from tests.support.log_oracle import OracleBlock, OracleSession, offsets, read_log

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def judge(path: Path, *, seed: int = 1) -> OracleSession:
    """
    Return the only session of a log that is whole; fails on any fault.

    Whole: every block has exactly its size; offsets are gapless and ascend by
    one per feed, over all blocks; every record is the source's; the header
    says what the lines say.
    """
    (session,) = read_log(path)
    size = session.asked["block_size"]
    for block in session.blocks:
        assert len(block.messages) == size, f"block {block.number} has {len(block.messages)}"
        assert not block.gaps, block.gaps
        _judge_header(session, block)
    for feed in session.asked["feeds"]:
        seen = offsets(session, feed)
        if seen:
            assert seen == list(range(seen[0], seen[0] + len(seen))), f"{feed}: {_faults(seen)}"
            _judge_records(session, feed, seed)
    return session


def _judge_header(session: OracleSession, block: OracleBlock) -> None:
    header = block.header
    client, number, seconds = session.asked["client"], block.number, header["seconds"]
    assert header["text"] == f"Client {client} received {number} block in {seconds:.3f} s time"
    assert (header["block"], header["size"]) == (number, len(block.messages))
    for feed, part in header["feeds"].items():
        mine = [offset for name, offset, _ in block.messages if name == feed]
        said = (part["first"], part["last"], part["count"], part["gaps"])
        assert said == (mine[0], mine[-1], len(mine), 0), f"{feed} in block {number}: {part}"
    assert set(header["feeds"]) == {name for name, _, _ in block.messages}
    wall = (header["finished_at"] - header["started_at"]) / 1e6
    # Two clocks, read one after the other: they differ by a switch of tasks.
    assert abs(wall - seconds) < 0.5, f"block {number}: {wall} s by the wall, {seconds} s"


def _judge_records(session: OracleSession, feed: str, seed: int) -> None:
    """Compare each record with the one that the default source makes."""
    mine = [
        (offset, record)
        for block in session.blocks
        for name, offset, record in block.messages
        if name == feed
    ]
    first, last = mine[0][0], mine[-1][0]
    made = make_source(feed, {}, seed).records(first, last - first + 1)
    keep = session.asked.get("select")
    for (offset, record), text in zip(mine, made, strict=True):
        expected: Any = json.loads(text)
        if keep and isinstance(expected, dict):
            expected = {name: value for name, value in expected.items() if name in keep}
        assert record == expected, f"{feed} {offset}: {record} is not {expected}"


def _faults(seen: list[int]) -> str:
    pairs = itertools.pairwise(seen)
    return ", ".join(f"{b} after {a}" for a, b in pairs if b != a + 1)[:500]
