"""The judge of block logs: it passes a good log and notices every damage."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.wire.message import Message
from feeds.sources import make_source
from tests.support.block_logs import ALICE, Frame, gap, seal, session_log
from tests.support.judge import judge

SIZE = 4
BOTH = replace(ALICE, block_size=SIZE, select=("name", "country"))


def frames() -> list[Frame]:
    """Return three blocks of messages, alternating between the two feeds."""
    users = map(json.loads, make_source("users", {}, 1).records(250, 6))
    arrays = map(json.loads, make_source("arrays", {}, 1).records(250, 6))
    received: list[Frame] = []
    for offset, (user, array) in enumerate(zip(users, arrays, strict=True), 250):
        kept = {name: user[name] for name in BOTH.select}
        received += [
            Message("users", offset, 0, kept, offset),
            Message("arrays", offset, 0, array, offset),
        ]
    return received


def log_of(path: Path, content: bytes) -> Path:
    """Write *content* to a log in the folder *path*."""
    log = path / "alice.log"
    log.write_bytes(content)
    return log


def test_good_log_passes(tmp_path: Path) -> None:
    """A log as the client writes it passes, and the judge returns its contents."""
    session = judge(log_of(tmp_path, session_log(BOTH, frames(), offset=249)))

    assert [block.number for block in session.blocks] == [1, 2, 3]
    assert [len(block.messages) for block in session.blocks] == [SIZE] * 3
    assert session.asked["feeds"] == ["users", "arrays"]


DAMAGES = {
    "a message is missing": (rb"\n\S+ users 252 .*", b""),
    "a message is there twice": (rb"(\n\S+ users 252 .*)", rb"\1\1"),
    "an offset is another": (rb"arrays 252 ", b"arrays 253 "),
    "a message is of another feed": (rb"Z users 253 ", b"Z arrays 253 "),
    "a record has another value": (rb'("name":")[^"]', rb"\1*"),
    "a record has another type": (rb"( arrays 251 [0-9a-f]{8} \[\d+)", rb"\1.0"),
    "a record lacks a member": (rb'"name":"[^"]*",', b""),
    "a stamp goes back": (rb"\d{4}-\d\d-\d\d(T\S+Z arrays 252 )", rb"2020-01-01\1"),
    "a stamp is not UTC": (rb"Z( arrays 252 )", rb"+01:00\1"),
    "a gap is announced": (
        rb"(\n\S+Z users 252 )",
        rb"\n--- gap users 252 to 251: a, goes on in b\1",
    ),
    "a block is missing": (rb"(?s)\n=== block 2.*?(\n=== block 3)", rb"\1"),
    "a block is numbered otherwise": (rb"block 2", b"block 4"),
    "the size for people is wrong": (rb"2: 4 messages", b"2: 5 messages"),
    "the time for people is wrong": (rb"in 3\.000 s, ", b"in 3.001 s, "),
    "the feeds for people are wrong": (rb"of users and arrays", b"of arrays and users"),
    "the end for people is wrong": (rb"( to \S+)\dZ\n# ", rb"\g<1>9Z\n# "),
    "the size of the header is wrong": (rb'"size":4', b'"size":3'),
    "the sentence has another number": (rb"received 2 block", b"received 3 block"),
    "the sentence has another time": (rb"in 3\.000 s time", b"in 2.999 s time"),
    "the beginning is wrong": (rb'("started_at":)1', rb"\g<1>2"),
    "the end is wrong": (rb'("finished_at":)1', rb"\g<1>2"),
    "a range begins elsewhere": (rb'"first":252', b'"first":251'),
    "a range ends elsewhere": (rb'"last":253', b'"last":254'),
    "a range has another count": (rb'"count":2', b'"count":3'),
    "a range has a gap": (rb'"gaps":0', b'"gaps":1'),
    "a position is another": (rb'(positions.*",)253\]', rb"\g<1>252]"),
    "a line is none": (rb"\n(=== end of block 2)", rb"\nnothing\n\1"),
    "the session asked for other blocks": (rb'"block_size":4', b'"block_size":3'),
    "the session asked for another feed": (rb'"feeds":\["users","arrays"\]', b'"feeds":["users"]'),
    "the session asked for one feed more": (rb'"feeds":\["users",', b'"feeds":["news","users",'),
    "the tail is torn": (rb"=== end of block 3.*\n", b""),
}
"""Patterns that are replaced once, and their replacements."""


@pytest.mark.parametrize(("what", "instead"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_noticed(what: bytes, instead: bytes, tmp_path: Path) -> None:
    """A damaged log does not pass, although its checksums fit."""
    good = session_log(BOTH, frames(), offset=249)
    damaged = re.sub(what, instead, good, count=1)
    assert damaged != good
    with pytest.raises((AssertionError, ValueError)):
        judge(log_of(tmp_path, seal(damaged)))


def test_wrong_checksum_is_noticed(tmp_path: Path) -> None:
    """Any changed byte is noticed if the checksum is not updated."""
    good = session_log(BOTH, frames(), offset=249)
    damaged = good.replace(b'"p50":', b'"p51":', 1)
    assert damaged != good
    with pytest.raises(AssertionError):
        judge(log_of(tmp_path, damaged))


def test_wrong_clock_is_noticed(tmp_path: Path) -> None:
    """A block time that is stated consistently must still match the receive times."""
    good = session_log(BOTH, frames(), offset=249)
    damaged = good.replace(b"3.000 s", b"4.000 s").replace(b'"seconds":3.0', b'"seconds":4.0')
    with pytest.raises(AssertionError, match="by the wall"):
        judge(log_of(tmp_path, seal(damaged)))


def test_another_seed_is_noticed(tmp_path: Path) -> None:
    """Records of another seed are not those of the feed."""
    log = log_of(tmp_path, session_log(BOTH, frames(), offset=249))
    with pytest.raises(AssertionError):
        judge(log, seed=2)


def test_gap_between_blocks_is_noticed(tmp_path: Path) -> None:
    """A gap in the log is a fault, even if it is announced."""
    received = frames()
    received[4:4] = [gap(252, 252)]
    del received[5]
    log = log_of(tmp_path, session_log(BOTH, received, offset=249))
    with pytest.raises(AssertionError):
        judge(log)
