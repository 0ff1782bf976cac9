"""The reports of a client: their order, their time, and their repetition."""

from __future__ import annotations

import pytest

from clientapp import reporting as module
from clientapp.core import events
from clientapp.core.block import BlockBuilder
from clientapp.core.stamp import Stamp
from clientapp.core.tally import Tally
from clientapp.log.memorylog import MemoryLog
from clientapp.reporting import Reporting
from clientapp.wire.from_server import Ack, Explain, Failure, Heartbeat
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from tests.support.block_logs import BOB, OLD


class Client:
    """A client whose blocks are three messages of one feed each."""

    def __init__(self) -> None:
        self.shown: list[events.Event] = []
        self.log = MemoryLog()
        self.log.begin(BOB)
        self.tally = Tally(BOB.block_size)
        self.reporting = Reporting(self.log, self.tally, self)
        self._builder = BlockBuilder(BOB, 1)

    def show(self, event: events.Event) -> None:
        """Keep *event*."""
        self.shown.append(event)

    def collect(self, blocks: int) -> None:
        """Complete *blocks* blocks."""
        for _ in range(blocks):
            number = self._builder.number
            for offset in range(number * 3 - 2, number * 3 + 1):
                message, stamp = Message("users", offset, 0, {}, offset), Stamp(offset, offset)
                self._builder.add(message, OLD, stamp, self.log.format(message, {}, stamp))
            block = self._builder.finish({"users": Position(OLD, number * 3)})
            self.log.append(block)
            self.reporting.send(block.report)

    async def sent(self) -> list[tuple[str, int]]:
        """Return the type and the block of each frame to send now."""
        return [(frame["type"], frame["block"]) for frame in await self.reporting.to_send()]

    def verdicts(self) -> list[int]:
        """Return the blocks whose verdicts were shown, in the order shown."""
        return [one.block for one in self.shown if isinstance(one, events.Acknowledged)]


def ack(block: int) -> Ack:
    """Return a good acknowledgement."""
    return Ack(block=block, verdict="verified")


HEARTBEAT = Heartbeat(now=0, heads={})


@pytest.fixture
def client() -> Client:
    """Return a client that was welcomed and has sent the reports of three blocks."""
    client = Client()
    client.reporting.begin(0)
    client.collect(3)
    return client


async def test_reports_wait_for_the_welcome() -> None:
    """Nothing is sent on a connection before the server's welcome, then each report once."""
    client = Client()
    client.collect(2)
    assert await client.sent() == []
    client.reporting.begin(0)
    assert await client.sent() == [("report", 1), ("report", 2)]
    assert await client.sent() == []


async def test_new_connection_sends_unacknowledged_reports_again(client: Client) -> None:
    """Reports without an acknowledgement are sent again after the next welcome, not before."""
    await client.sent()
    client.reporting.receive(ack(1))
    client.reporting.lost()
    assert (await client.sent(), client.reporting.unacknowledged) == ([], 2)
    client.reporting.begin(1)
    assert await client.sent() == [("report", 2), ("report", 3)]


async def test_verdicts_are_shown_in_order(client: Client) -> None:
    """An ack that overtook another waits for it; after two heartbeats it is shown."""
    await client.sent()
    client.reporting.due.clear()
    client.reporting.receive(ack(2))
    assert (client.verdicts(), client.reporting.due.is_set()) == ([], True)
    assert await client.sent() == [("report", 1)]
    client.reporting.receive(Failure(code="malformed", text="", block=1, retryable=False))
    client.reporting.receive(HEARTBEAT)
    assert client.verdicts() == [2]
    client.reporting.receive(HEARTBEAT)
    assert await client.sent() == [("report", 3)]
    client.reporting.receive(ack(3))
    assert (client.verdicts(), client.reporting.unacknowledged) == ([2, 3], 0)
    assert client.tally.verdicts == {"verified": 2}


async def test_refused_report_is_never_sent_again(client: Client) -> None:
    """A final refusal is shown once, and the client does not wait for the report."""
    await client.sent()
    refusal = Failure(code="malformed", text="no", block=1, retryable=False)
    for _ in range(2):
        client.reporting.receive(refusal)
    assert client.shown == [events.Warned(text="malformed: no")]
    client.reporting.begin(0)
    assert await client.sent() == [("report", 2), ("report", 3)]


async def test_busy_server_gets_reports_again_after_a_pause(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first refused report and all later ones are sent again, in order."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    await client.sent()
    client.reporting.receive(ack(1))
    client.reporting.due.clear()
    for block in (3, 2):
        client.reporting.receive(Failure(code="busy", text="", block=block, retryable=True))
    await client.reporting.due.wait()
    assert await client.sent() == [("report", 2), ("report", 3)]


async def test_request_to_explain_is_answered_once(client: Client) -> None:
    """The explanation of a block follows the reports, and is dropped with its connection."""
    client.reporting.receive(Explain(block=1))
    sent = await client.sent()
    assert sent == [("report", 1), ("report", 2), ("report", 3), ("explained", 1)]
    assert await client.sent() == []
    client.reporting.receive(Explain(block=1))
    client.reporting.begin(3)
    assert ("explained", 1) not in await client.sent()


async def test_finished_after_the_last_acknowledgement(client: Client) -> None:
    """Reporting is finished once no report follows and every report is acknowledged."""
    await client.sent()
    client.reporting.expect_no_more()
    for block in (1, 2, 3):
        assert not client.reporting.finished.is_set()
        client.reporting.receive(ack(block))
    assert client.reporting.finished.is_set()
