"""Blocks, and the reports they become."""

from clientapp.core.block import BlockBuilder, Stamp
from clientapp.core.session import Session
from clientapp.wire.from_client import FeedRange, Latency, Report
from clientapp.wire.from_server import Gap
from clientapp.wire.message import Message
from clientapp.wire.position import Position

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
    """Add a message that was due at its offset's second and came at *second*."""
    stamp = Stamp(round(second * SECOND), 1000 + second)
    block.add(Message(feed, offset, offset * SECOND, None), epoch, stamp, f"{feed} {offset}")


def gap(first: int, last: int) -> Gap:
    """Return a gap in users."""
    return Gap(feed="users", first=first, last=last, epoch=NEW, cause="epoch")


def test_report() -> None:
    """A report says what the block holds, in the order of the feeds asked for."""
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
            "users": FeedRange(epoch=OLD, first=2, last=3, count=2, gaps=0, duplicates=0),
            "arrays": FeedRange(epoch=OLD, first=1, last=1, count=1, gaps=0, duplicates=0),
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
    """From the first to the last message of one message is nothing."""
    block = builder(1)
    add(block, "users", 1, 5.0)
    assert block.finish({}).report.seconds == 0.0


def test_next_block_begins_empty() -> None:
    """Nothing of a block but its number lives on in the next one."""
    block = builder(1)
    for offset in (1, 2):
        block.interrupt()
        block.add_duplicate("users")
        add(block, "users", offset, float(offset))
        report = block.finish({}).report
        expected = FeedRange(epoch=OLD, first=offset, last=offset, count=1, gaps=0, duplicates=1)
        assert (report.block, report.feeds["users"]) == (offset, expected)
        assert (block.count, report.interrupted) == (0, False)


def test_gap_inside_a_block_counts() -> None:
    """Offsets between the first and last message that do not come are gaps."""
    block = builder(2)
    add(block, "users", 1, 1.0)
    block.add_gap(gap(2, 4), "--- gap")
    add(block, "users", 5, 5.0, NEW)
    done = block.finish({})
    expected = FeedRange(epoch=NEW, first=1, last=5, count=2, gaps=3, duplicates=0)
    assert (done.report.feeds["users"], done.lines) == (expected, ("users 1", "--- gap", "users 5"))


def test_gap_before_the_first_message_does_not_count() -> None:
    """A gap before the range is in the log and not in the range."""
    block = builder(1)
    block.add_gap(gap(2, 4), "--- gap")
    add(block, "users", 5, 5.0, NEW)
    done = block.finish({})
    assert (done.report.feeds["users"].gaps, done.lines) == (0, ("--- gap", "users 5"))


def test_interrupted() -> None:
    """A block says that the connection was lost once it had begun."""
    block = builder(2)
    add(block, "users", 1, 1.0)
    block.interrupt()
    add(block, "users", 2, 2.0)
    assert block.finish({}).report.interrupted


def test_duplicates_wait_for_their_feed() -> None:
    """Duplicates of a feed that a block lacks are counted in its next block."""
    block = builder(1)
    block.add_duplicate("arrays")
    add(block, "users", 1, 1.0)
    first = block.finish({}).report
    add(block, "arrays", 1, 2.0)
    second = block.finish({}).report
    assert (first.feeds["users"].duplicates, second.feeds["arrays"].duplicates) == (0, 1)
