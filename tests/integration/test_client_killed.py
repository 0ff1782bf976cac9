"""
The client, killed again and again at any instant: its log stays whole.

``BLOCKFEED_KILLS=100`` kills more often, ``BLOCKFEED_SEED=2`` at other instants.
"""

import asyncio
import os
import random
from collections import defaultdict
from functools import partial
from pathlib import Path

from clientapp.wire.report import Report
from tests.support.client_process import ClientProcess, Lifted
from tests.support.feed_server import FeedServer
from tests.support.log_oracle import offsets, read_log
from tools.waiting import PATIENCE_SECONDS

KILLS = int(os.environ.get("BLOCKFEED_KILLS", "30"))
SEED = int(os.environ.get("BLOCKFEED_SEED", "1"))


async def publish(server: FeedServer, stop: asyncio.Event) -> None:
    """Publish on both feeds, some hundred messages per second, until *stop*."""
    while not stop.is_set():
        await server.publish("users", 2)
        await server.publish("arrays", 1)
        await asyncio.sleep(0.005)


async def kill_somewhere(client: ClientProcess, chance: random.Random) -> None:
    """Kill at any instant: before, during or after the connection is made."""
    if chance.random() < 0.2:
        await asyncio.sleep(chance.uniform(0, 0.5))
    else:
        await client.event("connected")
        await asyncio.sleep(chance.uniform(0, 0.1))
    await client.kill()


def has_reports(server: FeedServer, count: int) -> bool:
    """Tell whether *count* reports have arrived."""
    return len(server.reports) == count


async def verified(lifted: Lifted, log: Path) -> tuple[int, str]:
    """Return the exit code of ``verify`` and the first line of its output."""
    verify = await lifted.run_module("verify", str(log))
    code, output, errors = await verify.end()
    assert errors == ""
    return code, output.splitlines()[0]


def judge_reports(server: FeedServer, log: Path, blocks: int) -> None:
    """Check that the server got every block of the log, unchanged each time."""
    (session,) = read_log(log)
    assert [block.number for block in session.blocks] == list(range(1, blocks + 1))
    received: dict[int, list[Report]] = defaultdict(list)
    for report in server.reports:
        received[report.block].append(report)
    assert sorted(received) == list(range(1, blocks + 1))
    for block in session.blocks:
        logged = Report.read(block.header)
        assert [report for report in received[block.number] if report != logged] == []


async def test_killed_at_any_instant(server: FeedServer, lifted: Lifted) -> None:
    """After any number of kills the log is one session without holes or duplicates."""
    chance = random.Random(SEED)
    log = lifted.home / "logs" / "alice.log"
    options = [
        *("--url", server.url, "--name", "alice", "--feed", "users", "--feed", "arrays"),
        *("--block-size", "3", "--json", "--console"),
    ]
    stop = asyncio.Event()
    publisher = asyncio.create_task(publish(server, stop))
    for _ in range(KILLS):
        await kill_somewhere(await lifted.run(*options), chance)
    last = await lifted.run(*options, "--blocks", "5")
    code, _, errors = await last.end()
    stop.set()
    await publisher
    assert (code, errors) == (0, "")
    (session,) = read_log(log)
    for feed in ("users", "arrays"):
        found = offsets(session, feed)
        assert found == list(range(found[0], found[0] + len(found)))
    blocks = len(session.blocks)
    judge_reports(server, log, blocks)
    assert sorted(server.stored) == list(range(1, blocks + 1))
    assert await verified(lifted, log) == (0, f"{log}: whole")


async def test_killed_before_the_report(server: FeedServer, lifted: Lifted) -> None:
    """A block that was written, but neither synced nor reported, is reported later."""
    log = lifted.home / "logs" / "alice.log"
    options = ["--url", server.url, "--name", "alice", "--block-size", "2", "--json"]
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", 0) as events, os.fdopen(writer, "wb", 0) as output:
        client = await lifted.run(*options, output=output.fileno())
        await server.until(lambda: server.connected == 1)
        assert b'"connected"' in await asyncio.to_thread(events.readline)
        # The client prints that the block is complete after it wrote the block and before the event
        # loop syncs and reports it. Here it blocks while printing.
        os.set_blocking(output.fileno(), False)
        for size in (4096, 1):
            while output.write(bytes(size)):
                pass
        os.set_blocking(output.fileno(), True)
        await server.publish("users", 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"=== end of block 1" not in log.read_bytes():
                await asyncio.sleep(0.01)
        await client.kill()
    assert server.reports == []
    assert await verified(lifted, log) == (0, f"{log}: whole")
    again = await lifted.run(*options, "--blocks", "1")
    await again.event("connected")
    await server.publish("users", 2)
    assert (await again.end())[0] == 0
    judge_reports(server, log, 2)


async def test_killed_before_the_acknowledgement(server: FeedServer, lifted: Lifted) -> None:
    """Blocks that were reported but not acknowledged are reported again, unchanged."""
    server.acknowledges = False
    log = lifted.home / "logs" / "alice.log"
    options = ["--url", server.url, "--name", "alice", "--block-size", "2", "--json"]
    for reports in (2, 7):
        client = await lifted.run(*options)
        await client.event("connected")
        await server.publish("users", 5)
        await server.until(partial(has_reports, server, reports))
        await client.kill()
    server.acknowledges = True
    client = await lifted.run(*options, "--blocks", "1")
    await client.event("connected")
    await server.publish("users", 2)
    assert (await client.end())[0] == 0
    assert [report.block for report in server.reports] == [1, 2, *range(1, 6), *range(1, 7)]
    judge_reports(server, log, 6)
    assert await verified(lifted, log) == (0, f"{log}: whole")
