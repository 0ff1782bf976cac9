"""Verdicts and checksums in a block log."""

from pathlib import Path

import pytest

from clientapp.core.block import BlockBuilder
from clientapp.core.protocol import Duplicate
from clientapp.core.stamp import Stamp
from clientapp.log.blocklog import BlockLog
from clientapp.log.format import format_duplicate, format_gap, format_message
from clientapp.wire.from_server import Ack, Gap
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from tests.support.block_logs import BOB, OLD
from tests.support.log_oracle import read_log

VERIFIED = Ack(block=1, verdict="verified")
BROKEN = Ack(block=2, verdict="broken", reason="users: 5\nmissing")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a log of two blocks of three, each followed by its verdict."""
    builder = BlockBuilder(BOB, 1)
    log = BlockLog(tmp_path / "bob.log")
    log.begin(BOB)
    for offset in (1, 2, 3, 4, 6, 7):
        stamp = Stamp(1_795_250_000_000_000 + offset, float(offset))
        message = Message("users", offset, 0, {}, crc=offset * 16)
        if offset == 6:
            lost = Gap(feed="users", first=5, last=5, epoch=OLD, cause="unannounced")
            builder.add_gap(lost, format_gap(lost))
        builder.add(message, OLD, stamp, format_message(message, {}, stamp))
        if offset == 6:
            again = Duplicate("users", 5, crc=80)
            builder.add_duplicate("users", format_duplicate(again))
        if builder.is_full:
            log.append(builder.finish({"users": Position(OLD, offset)}))
            log.note(VERIFIED if offset == 3 else BROKEN)
    log.close()
    return log.path


def test_verdicts_have_the_documented_format(path: Path) -> None:
    """A reader that knows only the documented format finds the verdicts, escaped."""
    (session,) = read_log(path)
    assert session.verdicts == {1: "verified", 2: r"broken, users: 5\nmissing"}
    assert session.blocks[1].dropped == [("users", 5)]


def test_the_last_verdict_is_known_at_the_next_start(path: Path) -> None:
    """Reports without a verdict are those above the highest judged block."""
    with BlockLog(path) as log:
        assert (log.torn_bytes, log.judged) == (0, 2)
    path.write_bytes(path.read_bytes()[: path.read_bytes().rindex(b"=== verdict")])
    with BlockLog(path) as log:
        assert (log.torn_bytes, log.judged) == (0, 1)
        assert [report.block for report in log.reports_above(log.judged)] == [2]
        log.note(BROKEN)
        assert log.judged == 2


def test_cut_at_every_byte(path: Path) -> None:
    """Wherever a log is cut, complete verdicts after the last complete block stay."""
    whole = path.read_bytes()
    marks = (b"# session ", b"=== end ", b"=== verdict ")
    ends, at = [], 0
    for line in whole.splitlines(keepends=True):
        at += len(line)
        if line.startswith(marks):
            ends.append(at)
    assert len(ends) == 5
    for size in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:size])
        with BlockLog(path) as log:
            expected = max(end for end in ends if end <= size)
            assert (log.torn_bytes, path.read_bytes()) == (size - expected, whole[:expected])


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, {"users": [(1, 16), (2, 32), (3, 48)]}),
        (2, {"users": [(4, 64), (6, 96), (5, 80), (7, 112)]}),
        (3, {}),
    ],
)
def test_checksums_are_in_order_of_receipt(
    path: Path, number: int, expected: dict[str, list[tuple[int, int]]]
) -> None:
    """The checksums of a block are in order of receipt, and include dropped messages."""
    with BlockLog(path) as log:
        assert log.checksums(number) == expected
