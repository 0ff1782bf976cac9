"""
The judge of block logs, which regenerates their contents from the sources.

It has its own reader of logs, and of the product it imports only ``feeds.sources``. So a fault of
the product cannot hide itself.
"""

from __future__ import annotations

import itertools
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from feeds.sources import make_source
from tests.support.log_oracle import OracleBlock, OracleHead, OracleSession, offsets, read_log

CLOCKS_APART_SECONDS = 0.5
"""
The largest difference between a block's time and its wall clock times.

The two clocks are read one after the other, with a possible delay on a busy machine; the wall
clock may also be adjusted meanwhile, by 500 ppm.
"""
MADE_AT_ONCE, MADE_KEPT = 256, 256
"""Records that are regenerated at once, and how many such parts are kept."""


def judge(path: Path, *, seed: int = 1, clock_was_set: bool = False) -> OracleSession:
    """
    Return the only session of a whole log; fails on any fault.

    A log is whole if it has something of every feed; every block has exactly its size;
    offsets ascend by one per feed over all blocks; every record equals the source's,
    member by member; no receive time decreases; and header and summary line agree with
    the messages. If the client's clock was set meanwhile, receive times may decrease
    and durations are not compared.
    """
    (session,) = read_log(path)
    size = session.asked["block_size"]
    for block in session.blocks:
        assert len(block.messages) == size, (
            f"block {block.number} has {len(block.messages)} messages"
        )
        assert not block.gaps, block.gaps
        _judge_header(session, block)
        _judge_times(block, clock_was_set=clock_was_set)
    stamps = [stamp for block in session.blocks for stamp in block.stamps]
    assert clock_was_set or stamps == sorted(stamps), "a stamp decreases"
    for feed in session.asked["feeds"]:
        seen = offsets(session, feed)
        assert seen, f"no message of {feed}"
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
    last = {name: offset for name, offset, _ in block.messages}
    assert list(header["feeds"]) == [feed for feed in session.asked["feeds"] if feed in last]
    said_last = {feed: header["positions"][feed][1] for feed in last}
    assert said_last == last, f"block {number} ends at {last}, but its header says {said_last}"


def _judge_times(block: OracleBlock, *, clock_was_set: bool) -> None:
    header, head, number = block.header, block.head, block.number
    span = (block.stamps[0], block.stamps[-1])
    assert (header["started_at"], header["finished_at"]) == span, f"block {number} has wrong times"
    expected = OracleHead(list(header["feeds"]), f"{header['seconds']:.3f}", *span)
    assert head == expected, f"block {number} has the summary {head}, not {expected}"
    wall = (span[1] - span[0]) / 1e6
    apart = abs(wall - header["seconds"])
    is_close = clock_was_set or apart < CLOCKS_APART_SECONDS
    assert is_close, f"block {number}: {wall} s by the wall clock, not {header}"


def _judge_records(session: OracleSession, feed: str, seed: int) -> None:
    """Compare each record with the one that the default source makes."""
    mine = [
        (offset, record)
        for block in session.blocks
        for name, offset, record in block.messages
        if name == feed
    ]
    keep = session.asked.get("select")
    for offset, record in mine:
        expected = _made(feed, seed, offset // MADE_AT_ONCE)[offset % MADE_AT_ONCE]
        if keep and isinstance(expected, dict):
            expected = {name: expected[name] for name in keep if name in expected}
        # Compare as text: in Python 1, 1.0 and True are equal, and the order of members is ignored.
        same = json.dumps(record) == json.dumps(expected)
        assert same, f"{feed} {offset}: {record} is not {expected}"


@lru_cache(MADE_KEPT)
def _made(feed: str, seed: int, part: int) -> list[Any]:
    """Return the records in a part of a feed; the logs of several clients share them."""
    first = part * MADE_AT_ONCE
    skipped = 1 if part == 0 else 0  # there is no offset 0
    texts = make_source(feed, {}, seed).records(first + skipped, MADE_AT_ONCE - skipped)
    return [None] * skipped + [json.loads(text) for text in texts]


def _faults(seen: list[int]) -> str:
    pairs = itertools.pairwise(seen)
    return ", ".join(f"{b} after {a}" for a, b in pairs if b != a + 1)[:500]
