"""Blocks and their reports."""

from dataclasses import replace
from functools import reduce

from clientapp.core.block import NOTED_DUPLICATES, BlockBuilder
from clientapp.core.protocol import HISTORY, UNANNOUNCED
from clientapp.core.serverclock import ServerClock
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.wire.digest import EMPTY, extend, format_digest
from clientapp.wire.from_server import Gap, Pong
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from clientapp.wire.report import Clock, FeedRange, Latency, Report

OLD, NEW = "0123456789ab", "ba9876543210"
SECOND = 1_000_000


def builder(block_size: int, number: int = 1) -> BlockBuilder:
    """Return a builder of alice's blocks."""
    session = Session(
        client="alice",
        session="a-key-of-a-session",
        url="ws://127.0.0.1/",
        feeds=("users", "arrays"),
        block_size=block_size,
    )
    return BlockBuilder(session, number)


def add(block: BlockBuilder, feed: str, offset: int, second: float, epoch: str = OLD) -> None:
    """Add a message that was due at second *offset* and received at second *second*."""
    stamp = Stamp(round(second * SECOND), 1000 + second)
    message = Message(feed, offset, offset * SECOND, None, crc=offset)
    block.add(message, epoch, stamp, f"{feed} {offset}")


def part(
    first: int,
    last: int = 0,
    *,
    epoch: str = OLD,
    came: tuple[int, ...] | None = None,
    gaps: int = 0,
    duplicates: int = 0,
) -> FeedRange:
    """Return a range of lines whose CRC-32s are their offsets; by default all of them *came*."""
    last = last or first
    came = tuple(range(first, last + 1)) if came is None else came
    return FeedRange(
        epoch=epoch,
        first=first,
        last=last,
        count=len(came),
        digest=format_digest(reduce(extend, came, EMPTY)),
        gaps=gaps,
        duplicates=duplicates,
        at=last * SECOND if last in came else None,
    )


def gap(first: int, last: int) -> Gap:
    """Return a gap in users."""
    return Gap(feed="users", first=first, last=last, epoch=NEW, cause="epoch")


def test_report_describes_the_block() -> None:
    """A report describes the block, with the feeds in the order in which they were requested."""
    block = builder(3, number=7)
    add(block, "arrays", 1, 1.5)
    add(block, "users", 2, 2.25)
    add(block, "users", 3, 3.75)
    assert block.is_full
    done = block.finish({"users": Position(OLD, 3)})
    expected = Report(
        block=7,
        text="Client alice received 7 block in 2.250 s time",
        feeds={
            "users": part(2, 3),
            "arrays": part(1),
        },
        size=3,
        seconds=2.25,
        started_at=1_500_000,
        finished_at=3_750_000,
        latency=Latency(p50=0.5, p99=0.75, max=0.75),
        interrupted=False,
    )
    assert (done.report, done.positions) == (expected, {"users": Position(OLD, 3)})
    assert list(done.report.feeds) == ["users", "arrays"]
    assert done.lines == ("arrays 1", "users 2", "users 3")
    assert Report.read(expected.write()) == expected


def test_block_of_one_takes_no_time() -> None:
    """The block time of a single message is zero."""
    block = builder(1)
    add(block, "users", 1, 5.0)
    assert block.finish({}).report.seconds == 0.0


def test_next_block_starts_empty() -> None:
    """Nothing is carried over to the next block except its number."""
    block = builder(1)
    for offset in (1, 2):
        block.interrupt()
        block.add_duplicate("users", "--- again")
        add(block, "users", offset, float(offset))
        report = block.finish({}).report
        expected = part(offset, duplicates=1)
        assert (report.block, report.feeds["users"]) == (offset, expected)
        assert (block.count, report.interrupted) == (0, False)


def test_gap_inside_a_block_counts() -> None:
    """Offsets that the server announces as missing count as gaps of the range."""
    block = builder(2)
    add(block, "users", 1, 1.0)
    block.add_gap(gap(2, 4), "--- gap")
    add(block, "users", 5, 5.0, NEW)
    done = block.finish({})
    expected = part(1, 5, came=(1, 5), epoch=NEW, gaps=3)
    assert (done.report.feeds["users"], done.lines) == (expected, ("users 1", "--- gap", "users 5"))


def test_gap_before_the_first_message_counts() -> None:
    """A range starts at the position before the block, so a gap before its first message counts."""
    block = builder(1)
    block.add_gap(gap(2, 4), "--- gap")
    add(block, "users", 5, 5.0, NEW)
    done = block.finish({})
    expected = part(2, 5, came=(5,), epoch=NEW, gaps=3)
    assert (done.report.feeds["users"], done.lines) == (expected, ("--- gap", "users 5"))


def test_range_without_messages_covers_a_gap() -> None:
    """A gap in a feed without messages still gets a range, so the gap is not lost."""
    block = builder(1)
    block.add_gap(gap(2, 4), "--- gap")
    add(block, "arrays", 1, 1.0)
    feeds = block.finish({}).report.feeds
    assert feeds == {"users": part(2, 4, came=(), epoch=NEW, gaps=3), "arrays": part(1)}
    add(block, "users", 5, 5.0, NEW)
    assert block.finish({}).report.feeds == {"users": part(5, epoch=NEW)}


def test_change_of_epoch_alone_makes_no_range() -> None:
    """A feed without messages and without missing offsets has no range."""
    block = builder(1)
    block.add_gap(gap(2, 1), "--- gap")
    add(block, "arrays", 1, 1.0)
    assert block.finish({}).report.feeds == {"arrays": part(1)}


def test_lower_offsets_of_a_new_epoch_begin_the_range() -> None:
    """A new epoch that restarts lower never yields a range that ends before it begins."""
    block = builder(1)
    block.add_gap(gap(3, 2), "--- gap")
    add(block, "users", 3, 3.0, NEW)
    assert block.finish({}).report.feeds == {"users": part(3, epoch=NEW)}


def test_unannounced_hole_counts_as_lost() -> None:
    """A hole that the server did not announce counts neither as messages nor as a gap."""
    block = builder(2)
    add(block, "users", 1, 1.0)
    block.add_gap(replace(gap(2, 2), epoch=OLD, cause=UNANNOUNCED), "--- gap")
    add(block, "users", 3, 3.0)
    assert block.finish({}).report.feeds == {"users": part(1, 3, came=(1, 3))}


def test_rollback_between_blocks_begins_the_range() -> None:
    """If the history is rolled back before a block's first message, the range is as usual."""
    block = builder(1)
    add(block, "users", 9, 9.0)
    block.finish({})
    block.add_gap(replace(gap(5, 4), cause=HISTORY), "--- gap")
    add(block, "users", 5, 10.0, NEW)
    assert block.finish({}).report.feeds == {"users": part(5, epoch=NEW)}


def test_rollback_inside_a_block_is_in_its_range() -> None:
    """A range during which the history was rolled back says so, even if no message follows."""
    for last in (4, 0):
        block = builder(2)
        add(block, "users", 9, 9.0)
        block.add_gap(replace(gap(last + 1, last), cause=HISTORY), "--- gap")
        add(block, "arrays", 1, 10.0, NEW)
        report = block.finish({}).report
        assert Report.read(report.write()) == report
        found = report.feeds["users"]
        assert (found.last, found.count, found.at, found.history) == (last, 1, None, True)
        add(block, "users", last + 1, 11.0, NEW)
        add(block, "users", last + 2, 12.0, NEW)
        assert block.finish({}).report.feeds == {"users": part(last + 1, last + 2, epoch=NEW)}


def test_duplicate_lines_are_bounded() -> None:
    """A server that repeats a message endlessly does not fill the client's memory."""
    block = builder(1)
    for _ in range(NOTED_DUPLICATES + 5):
        block.add_duplicate("users", "--- again")
    add(block, "users", 1, 1.0)
    done = block.finish({})
    assert (len(done.lines), done.report.feeds["users"].duplicates) == (1001, 1005)


def test_lost_connection_interrupts_the_block() -> None:
    """A block is marked as interrupted if the connection is lost after its first message."""
    block = builder(2)
    add(block, "users", 1, 1.0)
    block.interrupt()
    add(block, "users", 2, 2.0)
    assert block.finish({}).report.interrupted


def test_duplicates_are_counted_in_the_next_block_of_their_feed() -> None:
    """Duplicates of a feed without messages in this block are counted in its next block."""
    block = builder(1)
    block.add_duplicate("arrays", "--- again")
    add(block, "users", 1, 1.0)
    first = block.finish({}).report
    add(block, "arrays", 1, 2.0)
    second = block.finish({}).report
    assert (first.feeds["users"].duplicates, second.feeds["arrays"].duplicates) == (0, 1)


def test_latest_clock_offset_applies_to_the_whole_block() -> None:
    """A pong also corrects the messages before it; the report states its offset and error."""
    clock = ServerClock()
    session = Session(
        client="alice",
        session="a-key-of-a-session",
        url="ws://127.0.0.1/",
        feeds=("users",),
        block_size=2,
    )
    block = BlockBuilder(session, 1, clock=clock, label="run 1")
    add(block, "users", 1, 1.25)
    # The server's clock is 3 s ahead; the pong, which took 2 ms, came with the second message.
    pong = Pong(t0=1_002_498_000, now=5_499_000)
    clock.receive(pong, Stamp(2_500_000, 1002.5))
    add(block, "users", 2, 2.5)
    done = block.finish({})
    assert done.latencies == (3.25, 3.5)
    assert done.report.latency == Latency(p50=3.25, p99=3.5, max=3.5)
    # 1.25 s passed between the first message and the pong; clocks may drift by 125 us in that time.
    assert (done.report.clock, done.report.label) == (Clock(offset=3.0, error=0.001126), "run 1")
