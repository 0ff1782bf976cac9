"""
The client's measurements, compared with known values.

The server sends each message a known time after it was due, and states how many it left out; its
clock is off by a known time.
"""

import json
from typing import Any

import pytest

from clientapp.core.latency import summarise
from clientapp.wire import codec
from clientapp.wire.message import read_message
from tests.support.client_process import Lifted
from tests.support.feed_server import FeedServer
from tests.support.log_oracle import OracleBlock, read_log

BLOCK_SIZE = 40
SECOND = 1_000_000
AHEAD_US = [0, 3 * SECOND, -3 * SECOND]


async def measure(
    server: FeedServer, lifted: Lifted, *, late_us: int, lost: int = 0
) -> tuple[OracleBlock, dict[str, Any]]:
    """Let a client collect one block after its first pong; return the block and the summary."""
    client = await lifted.run(
        *("--url", server.url, "--name", "alice", "--json"),
        *("--block-size", str(BLOCK_SIZE), "--blocks", "1"),
    )
    await server.until(lambda: server.pongs > 0)
    await server.publish("users", BLOCK_SIZE + lost, lost=lost, late_us=late_us)
    code, output, errors = await client.end()
    assert (code, errors) == (0, "")
    (session,) = read_log(lifted.home / "logs" / "alice.log")
    return session.blocks[0], json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("ahead_us", AHEAD_US)
async def test_known_delay_is_measured(server: FeedServer, lifted: Lifted, ahead_us: int) -> None:
    """A delay of 2 s is reported within 5 %, whatever the server's clock shows."""
    server.ahead_us = ahead_us
    _, summary = await measure(server, lifted, late_us=2 * SECOND)
    assert server.reports[0].latency.p50 == pytest.approx(2.0, rel=0.05)
    assert summary["latency"]["p50"] == server.reports[0].latency.p50


@pytest.mark.parametrize("ahead_us", AHEAD_US)
@pytest.mark.parametrize("late_us", [0, 20_000])
async def test_stated_error_is_a_true_bound(
    server: FeedServer, lifted: Lifted, late_us: int, ahead_us: int
) -> None:
    """
    Offset and latency are right within the error that the report states.

    Both clocks are this machine's, so the log shows the true latencies.
    """
    server.ahead_us = ahead_us
    block, summary = await measure(server, lifted, late_us=late_us)
    (report,) = server.reports
    assert report.clock is not None
    assert report.clock.offset == pytest.approx(ahead_us / SECOND, abs=report.clock.error)
    due = [read_message(codec.decode(line), line).at for line in server.lines["users"]]
    true = summarise(
        [(stamp + ahead_us - at) / SECOND for stamp, at in zip(block.stamps, due, strict=True)]
    )
    for said, really in ((report.latency.p50, true.p50), (report.latency.max, true.max)):
        assert said == pytest.approx(really, abs=report.clock.error)
    assert summary["clock"] == block.header["clock"]
    assert block.header["clock"]["error"] == report.clock.error


async def test_known_loss_is_reported_exactly(server: FeedServer, lifted: Lifted) -> None:
    """The report gives the exact number of missing messages."""
    _, summary = await measure(server, lifted, late_us=0, lost=7)
    part = server.reports[0].feeds["users"]
    assert (part.last - part.first + 1 - part.count, part.gaps) == (7, 0)
    assert (summary["gaps"], summary["messages"]) == (7, BLOCK_SIZE)


async def test_latency_without_a_pong_is_marked(server: FeedServer, lifted: Lifted) -> None:
    """If the server answers no ping, latencies are by the client's own clock, and are marked."""
    server.answers_pings = False
    client = await lifted.run("--url", server.url, "--block-size", "1", "--blocks", "1", "--json")
    await client.event("connected")
    await server.publish("users", 1, late_us=0)
    assert (await client.event("block"))["clock"] is None
    assert (await client.event("summary"))["clock"] is None
    assert (await client.end())[0] == 0
    assert server.reports[0].clock is None


async def test_new_server_has_its_own_clock(server: FeedServer, lifted: Lifted) -> None:
    """After a reconnect the first pong counts, not the estimate for the previous server."""
    client = await lifted.run("--url", server.url, "--block-size", "1", "--json")
    for ahead_us in (0, 3 * SECOND):
        server.drop()
        server.ahead_us, server.pongs = ahead_us, 0
        await server.until(lambda: server.pongs > 0)
        await server.publish("users", 1, late_us=0)
        clock = (await client.event("block"))["clock"]
        assert clock["offset"] == pytest.approx(ahead_us / SECOND, abs=clock["error"])


async def test_report_keeps_its_label(server: FeedServer, lifted: Lifted) -> None:
    """A report sent again keeps its label and latencies; the next one has new ones."""
    server.acknowledges = False
    options = ("--url", server.url, "--name", "alice", "--block-size", "1", "--json", "--label")
    client = await lifted.run(*options, "first run")
    await server.until(lambda: server.pongs > 0)
    await server.publish("users", 1, late_us=0)
    await server.until(lambda: len(server.reports) == 1)
    await client.kill()
    server.acknowledges = True
    client = await lifted.run(*options, "second run", "--blocks", "1")
    await client.event("connected")
    await server.publish("users", 1, late_us=0)
    assert (await client.end())[0] == 0
    first, again, second = server.reports
    assert codec.encode(again.write()) == codec.encode(first.write())
    assert first.clock is not None
    assert (first.label, second.label) == ("first run", "second run")
    assert len(read_log(lifted.home / "logs" / "alice.log")) == 1
