"""The block log, and the memory of a member: one contract, two implementations."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from clientapp.core.block import Block, BlockBuilder
from clientapp.core.outbox import Outbox
from clientapp.core.protocol import Duplicate
from clientapp.core.stamp import Stamp
from clientapp.log.blocklog import BlockLog
from clientapp.log.format import format_duplicate, format_gap
from clientapp.log.memorylog import BLOCKS_KEPT, MemoryLog
from clientapp.wire.from_server import Ack, Gap
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from tests.support.block_logs import ALICE, BOB, OLD

AnyLog = BlockLog | MemoryLog
OpenLog = Callable[[], AnyLog]


@pytest.fixture(params=["file", "memory"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLog]:
    """Return a function that opens the client's log, each time it starts."""
    with ExitStack() as stack:
        memory = MemoryLog()

        def open_log() -> AnyLog:
            if request.param == "memory":
                return memory
            stack.close()
            return stack.enter_context(BlockLog(tmp_path / "bob.log"))

        yield open_log


def block(log: AnyLog, number: int) -> Block:
    """Return a block of three messages of users, as *log* writes them."""
    builder = BlockBuilder(BOB, number)
    for offset in range(number * 3 - 2, number * 3 + 1):
        message = Message("users", offset, 0, {}, crc=offset * 16)
        stamp = Stamp(1_795_250_000_000_000 + offset, float(offset))
        builder.add(message, OLD, stamp, log.format(message, {}, stamp))
    return builder.finish({"users": Position(OLD, number * 3)})


def numbers(log: AnyLog, above: int) -> list[int]:
    """Return the numbers of the blocks whose reports *log* has."""
    return [report.block for report in log.reports_above(above)]


def test_new_log_is_empty(open_log: OpenLog) -> None:
    """A new log has no session and no blocks."""
    log = open_log()
    assert (log.session, log.last, log.judged, log.torn_bytes) == (None, None, 0, 0)
    assert (log.reports_above(0), log.checksums(1)) == ([], {})


def test_log_resumes_a_session(open_log: OpenLog) -> None:
    """A client that restarts knows its session, its position and its unacknowledged reports."""
    log = open_log()
    log.begin(BOB)
    blocks = [block(log, number) for number in (1, 2, 3)]
    for one in blocks:
        log.append(one)
    log.note(Ack(block=1, verdict="verified"))
    log.sync()
    assert log.last is not None
    assert log.last.report == blocks[2].report
    log = open_log()
    assert (log.session, log.judged) == (BOB, 1)
    assert log.last is not None
    assert (log.last.report, log.last.positions) == (blocks[2].report, blocks[2].positions)
    assert log.reports_above(log.judged) == [blocks[1].report, blocks[2].report]
    assert numbers(log, above=2) == [3]
    assert log.reports_above(1, 1) == [blocks[1].report]


def test_late_explanation_repeats_no_report(open_log: OpenLog) -> None:
    """A broken block that is explained after later verdicts makes no report due again."""
    log = open_log()
    log.begin(BOB)
    for number in (1, 2, 3):
        log.append(block(log, number))
    log.note(Ack(block=1, verdict="broken", reason="cause unknown"))
    log.note(Ack(block=2, verdict="verified"))
    log.note(Ack(block=1, verdict="broken", reason="users: 2 missing"))
    assert (log.judged, numbers(log, above=log.judged)) == (2, [3])
    log = open_log()
    assert (log.judged, numbers(log, above=log.judged)) == (2, [3])


def test_block_without_a_verdict_is_due_again(open_log: OpenLog) -> None:
    """A block without a verdict is due again, even if a later one was judged."""
    log = open_log()
    log.begin(BOB)
    outbox = Outbox()
    for number in (1, 2, 3):
        one = block(log, number)
        log.append(one)
        outbox.add(one.report)
    outbox.take()
    for number in (1, 3):
        for ack in outbox.acknowledge(Ack(block=number, verdict="verified")):
            log.note(ack)
    log = open_log()
    assert (log.judged, numbers(log, above=log.judged)) == (1, [2, 3])


def test_new_session_starts_empty(open_log: OpenLog) -> None:
    """A new session has nothing of the previous one."""
    log = open_log()
    log.begin(BOB)
    log.append(block(log, 1))
    log.note(Ack(block=1, verdict="verified"))
    log.append(block(log, 2))
    log.begin(ALICE)
    assert (log.session, log.judged) == (ALICE, 0)
    assert (log.reports_above(0), log.checksums(1)) == ([], {})
    assert open_log().last is None


def test_checksums_are_in_order_of_receipt(open_log: OpenLog) -> None:
    """The checksums of a block are in order of receipt, and include dropped messages."""
    log = open_log()
    log.begin(BOB)
    gap = Gap(feed="users", first=3, last=3, epoch=OLD, cause="unannounced")
    one = block(log, 1)
    lines = (*one.lines[:2], format_gap(gap), format_duplicate(Duplicate("users", 2, 32)))
    log.append(replace(one, lines=(*lines, one.lines[2])))
    assert log.checksums(1) == {"users": [(1, 16), (2, 32), (2, 32), (3, 48)]}
    assert log.checksums(2) == {}


def test_memory_is_bounded() -> None:
    """Only recent blocks keep their checksums, and a report is dropped with its verdict."""
    log = MemoryLog()
    log.begin(BOB)
    for number in range(1, BLOCKS_KEPT + 2):
        log.append(block(log, number))
    assert log.checksums(1) == {}
    assert log.checksums(2) == {"users": [(4, 64), (5, 80), (6, 96)]}
    assert numbers(log, above=0) == list(range(1, BLOCKS_KEPT + 2))
    log.note(Ack(block=2, verdict="broken", reason="users: 5 missing"))
    assert 2 not in numbers(log, above=0)
