"""A run of the client in this process, with short timeouts."""

import asyncio
from pathlib import Path

import pytest

from clientapp import reporting, run
from clientapp.core import events
from clientapp.core.block import BlockBuilder
from clientapp.core.errors import CouldNot
from clientapp.core.outbox import WINDOW
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.core.tally import Tally
from clientapp.log.blocklog import BlockLog
from clientapp.run import Run
from clientapp.wire.from_server import Ack, read_from_server
from clientapp.wire.message import Message, make_line
from clientapp.wire.position import Position
from tests.support.feed_server import EPOCH, STARTED_US, FeedServer, record


class Seen(list[events.Event]):
    """The events of a client, kept."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def show(self, event: events.Event) -> None:
        """Keep *event*."""
        self.append(event)
        self._changed.set()

    async def until_block(self, number: int) -> None:
        """Wait until block *number* is complete."""
        while not any(isinstance(one, events.Completed) and one.block == number for one in self):
            self._changed.clear()
            await self._changed.wait()


def asked(server: FeedServer) -> Session:
    """Return a session whose blocks are single messages."""
    return Session(
        client="alice",
        session="a-key-of-a-session",
        url=server.url,
        feeds=("users",),
        block_size=1,
    )


async def publish_when_connected(server: FeedServer, messages: int = 1) -> None:
    """Publish to the first client."""
    await server.until(lambda: server.connected == 1)
    await server.publish("users", messages)


async def test_leaving_waits_for_acknowledgements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that leaves right after a block waits until its report is acknowledged."""
    monkeypatch.setattr(run, "LEAVE_SECONDS", 30)
    shown = Seen()
    async with FeedServer() as server:
        server.acknowledges = False
        with BlockLog(tmp_path / "alice.log") as log:
            one = Run(asked(server), log, Tally(block_size=1), shown)
            end = asyncio.ensure_future(one.to_end())
            await publish_when_connected(server)
            await server.until(lambda: len(server.reports) == 1)
            one.interrupt()
            await server.say(Ack(block=1, verdict="verified"))
            await end
    assert server.byes == 1
    summary = shown[-1]
    assert isinstance(summary, events.Summary)
    assert (summary.blocks, summary.unacknowledged) == (1, 0)


async def test_wait_for_acknowledgements_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the last acknowledgement is bounded, and its failure is reported."""
    monkeypatch.setattr(reporting, "ACK_SECONDS", 0)
    shown = Seen()
    async with FeedServer() as server:
        server.acknowledges = False
        with BlockLog(tmp_path / "alice.log") as log:
            one = Run(asked(server), log, Tally(block_size=1), shown, blocks=1)
            async with asyncio.TaskGroup() as both:
                both.create_task(publish_when_connected(server))
                with pytest.raises(CouldNot, match="the server acknowledged nothing for"):
                    await one.to_end()
    summary = shown[-1]
    assert isinstance(summary, events.Summary)
    assert (summary.blocks, summary.unacknowledged) == (1, 1)


async def test_each_acknowledgement_restarts_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client keeps waiting as long as acknowledgements keep arriving."""
    async with FeedServer() as server:
        server.acknowledges = False
        with BlockLog(tmp_path / "alice.log") as log:
            one = Run(asked(server), log, Tally(block_size=1), Seen(), blocks=2)
            end = asyncio.ensure_future(one.to_end())
            await publish_when_connected(server, 2)
            await server.until(lambda: len(server.reports) == 2)
            first = one._reporting._giving_up
            monkeypatch.setattr(reporting, "ACK_SECONDS", 0)
            await server.say(Ack(block=1, verdict="verified"))
            with pytest.raises(CouldNot, match="the server acknowledged nothing for"):
                await end
    assert first is not None
    assert first.cancelled()


async def test_long_log_is_reported_by_windows(tmp_path: Path) -> None:
    """Reports without a verdict wait in the log, and all are sent in order."""
    blocks = 3 * WINDOW
    shown = Seen()
    async with FeedServer() as server:
        server.acknowledges = False
        await server.publish("users", blocks)
        with BlockLog(tmp_path / "alice.log") as log:
            write_blocks(log, asked(server), blocks)
            one = Run(asked(server), log, Tally(block_size=1), shown)
            end = asyncio.ensure_future(one.to_end())
            await server.until(lambda: len(server.reports) == WINDOW)
            await server.publish("users", 1)
            assert len(one._reporting._outbox) == WINDOW
            assert one.unacknowledged >= blocks
            server.acknowledges = True
            server.drop()
            await server.until(lambda: len(server.stored) == blocks + 1)
            one.interrupt()
            await end
    assert [report.block for report in server.reports[WINDOW:]] == list(range(1, blocks + 2))
    summary = shown[-1]
    assert isinstance(summary, events.Summary)
    assert (summary.verdicts, summary.unacknowledged) == ({"verified": blocks + 1}, 0)


async def test_unacknowledged_reports_wait_in_the_log(tmp_path: Path) -> None:
    """Without acknowledgements, memory still holds only one window of reports."""
    blocks = 2 * WINDOW
    shown = Seen()
    async with FeedServer() as server:
        server.acknowledges = False
        with BlockLog(tmp_path / "alice.log") as log:
            one = Run(asked(server), log, Tally(block_size=1), shown)
            end = asyncio.ensure_future(one.to_end())
            await publish_when_connected(server, blocks)
            await shown.until_block(blocks)
            assert (len(one._reporting._outbox), one.unacknowledged) == (WINDOW, blocks)
            server.acknowledges = True
            server.drop()
            await server.until(lambda: len(server.stored) == blocks)
            one.interrupt()
            await end
            assert (log.judged, one.unacknowledged) == (blocks, 0)


def write_blocks(log: BlockLog, session: Session, count: int) -> None:
    """Write *count* blocks of *session*, as a client that received all its messages."""
    log.begin(session)
    builder = BlockBuilder(session, 1)
    for offset in range(1, count + 1):
        at = STARTED_US + offset * 1_000_000
        message = read_from_server(make_line("users", offset, at, record("users", offset)))
        assert isinstance(message, Message)
        stamp = Stamp(at, float(offset))
        builder.add(message, EPOCH, stamp, log.format(message, message.data, stamp))
        log.append(builder.finish({"users": Position(EPOCH, offset)}))
