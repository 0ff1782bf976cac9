"""Members of a swarm with a scripted server, which records the messages it sent and lost."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import secrets
import signal
import sys
from pathlib import Path

import pytest

from clientapp.core.errors import CouldNot, Refused
from clientapp.core.session import Session
from clientapp.lab.swarm.blocktable import COLUMNS, BlockTable
from clientapp.lab.swarm.histogram import Histogram
from clientapp.lab.swarm.member import Member
from clientapp.lab.swarm.outcome import measured
from clientapp.lab.swarm.probe import Probe
from clientapp.lab.swarm.status import PartStatus
from clientapp.lab.swarm.swarmplan import Part, Role, Stay
from clientapp.wire.from_server import Farewell, Heartbeat
from tests.support.feed_server import FeedServer
from tests.support.log_oracle import offsets, read_log

LONG = 3600.0
"""Seconds that no test waits for: stays end by an event."""
REFUSED = Farewell(code=4501, reason="there is no feed users", retry_after=0)


BOTH = ("users", "arrays")


def heartbeat(server: FeedServer) -> Heartbeat:
    """Return a heartbeat with all messages the server ever published."""
    heads = {feed: len(lines) for feed, lines in server.lines.items()}
    return Heartbeat(now=server.now_us(), heads=heads)


async def heard(server: FeedServer) -> None:
    """Wait until a member of both feeds, with blocks of five, has taken everything sent before."""
    stored = len(server.stored)
    await server.publish("arrays", 5)
    await server.until(lambda: len(server.stored) > stored)


class Played:
    """A member, played in this process, and its results."""

    def __init__(
        self,
        server: FeedServer,
        *stays: Stay,
        feeds: tuple[str, ...] = ("users",),
        block_size: int = 5,
        folder: Path | None = None,
        bytes_per_second: float | None = None,
    ) -> None:
        self.heads: dict[str, int] = {}
        self.present: set[int] = set()
        self.latencies = Histogram()
        self._rows = io.StringIO()
        role = Role(
            number=1,
            part=Part(feeds, block_size),
            stays=stays or (Stay(0.0, LONG),),
            bytes_per_second=bytes_per_second,
        )
        session = Session(
            client=role.name,
            session=secrets.token_urlsafe(16),
            url=server.url,
            feeds=role.part.feeds,
            block_size=block_size,
        )
        self.member = Member(
            role,
            session,
            folder,
            label="trial",
            latencies=self.latencies,
            heads=self.heads,
            present=self.present,
            table=BlockTable(self._rows),
        )
        self._task = asyncio.create_task(self.member.play(asyncio.get_running_loop().time()))

    @property
    def blocks(self) -> list[int]:
        """The numbers of the blocks in its table."""
        rows = csv.DictReader(self._rows.getvalue().splitlines(), COLUMNS)
        return [int(row["block"]) for row in rows]

    async def end(self) -> PartStatus:
        """Let the member leave; return its status."""
        self.member.stop()
        await self._task
        return self.status()

    async def over(self) -> PartStatus:
        """Wait for the end of its last stay; return its status."""
        await self._task
        return self.status()

    def status(self) -> PartStatus:
        """Return its status."""
        part = PartStatus()
        self.member.add_to(part)
        return part


async def test_member_collects_and_reports(server: FeedServer) -> None:
    """A member reports its blocks with the label, gets acknowledgements, and says bye."""
    played = Played(server)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 12)
    await server.until(lambda: len(server.stored) == 2)
    assert (played.present, played.status().connected) == ({1}, 1)
    played.heads["users"] = 12
    part = await played.end()
    assert played.present == set()
    assert played.blocks == [1, 2]
    assert {report.label for report in server.reports} == {"trial"}
    assert (part.members, part.reached, part.connected, part.messages) == (1, 1, 0, 12)
    assert (part.expected, part.received, part.gaps, part.unacknowledged) == (12, 12, 0, 0)
    assert part.verdicts == {"verified": 2}
    assert played.latencies.total == 10
    assert (played.member.failure, server.byes) == (None, 1)


async def test_reach_counts_lost_messages(server: FeedServer) -> None:
    """Exactly the messages that never arrived count as missing."""
    played = Played(server)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.publish("users", 20, lost=4)
    await server.until(lambda: len(server.stored) == 4)
    played.heads["users"] = 25
    part = await played.end()
    assert (part.expected, part.received, part.gaps) == (25, 21, 4)
    assert measured(part)["reach"] == 21 / 25


async def test_reach_counts_messages_of_a_silent_server(server: FeedServer) -> None:
    """A server that names a later head but sends nothing has lost the rest."""
    played = Played(server, feeds=BOTH)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.publish("users", 20, lost=20)
    await server.say(heartbeat(server))
    await heard(server)
    part = await played.end()
    assert (part.expected, part.received, part.gaps) == (30, 10, 0)
    assert part.messages == 10


async def test_reach_waits_for_messages_of_a_heartbeat(server: FeedServer) -> None:
    """Messages still in transit when a member leaves are received, so none is missing."""
    played = Played(server, feeds=BOTH)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.say(Heartbeat(now=server.now_us(), heads={"users": 8}))
    await heard(server)
    played.member.stop()
    await server.publish("users", 3)
    part = await played.over()
    assert (part.expected, part.received, part.gaps) == (13, 13, 0)


async def test_swarm_of_one_notices_silence(server: FeedServer) -> None:
    """Without other members to compare with, the command still ends with 4."""
    swarm = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clientapp", "swarm", f"--url={server.url}", "--clients=1"),
        *(f"--seconds={LONG:g}", "--mix=users+arrays:5", "--json", "--expect=reach==1"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        # The first connection is a probe.
        await server.until(lambda: len(server.requests) == 2 and server.connected == 1)
        await server.publish("users", 15, lost=15)
        await server.say(heartbeat(server))
        await heard(server)
        swarm.send_signal(signal.SIGINT)
        said, why = await swarm.communicate()
    finally:
        if swarm.returncode is None:
            swarm.kill()
    assert b"reach==1 was expected, but reach is 0.25" in why
    measured = json.loads(said)["measured"]
    assert (swarm.returncode, measured["reach"]) == (4, 0.25)


async def test_member_returns_without_a_hole(server: FeedServer, tmp_path: Path) -> None:
    """A member that was away resumes after its last block, without a hole."""
    played = Played(server, Stay(0.0, 0.5), Stay(1.0, LONG), folder=tmp_path)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 8)
    played.heads["users"] = 8
    await server.until(lambda: server.byes == 1)
    await server.publish("users", 8)
    await server.until(lambda: len(server.stored) == 3)
    played.heads["users"] = 16
    part = await played.end()
    assert [request.session for request in server.requests] == [server.requests[0].session] * 2
    assert server.requests[1].after["users"].offset == 5
    assert (part.expected, part.received, part.gaps, part.reconnects) == (16, 16, 0, 0)
    (session,) = read_log(tmp_path / "member-00001.log")
    assert offsets(session, "users") == list(range(1, 16))


async def test_filled_gap_counts_as_received(server: FeedServer) -> None:
    """Missing messages of an unfinished block count as received if they arrive later."""
    played = Played(server, Stay(0.0, 0.5), Stay(1.0, LONG))
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 6)
    await server.publish("users", 3, lost=2)
    played.heads["users"] = 9
    await server.until(lambda: server.byes == 1)
    before = played.status()
    assert (before.expected, before.received, before.gaps) == (9, 7, 2)
    await server.until(lambda: len(server.requests) == 2)
    await server.publish("users", 1)
    await server.until(lambda: len(server.stored) == 2)
    played.heads["users"] = 10
    part = await played.end()
    assert (part.expected, part.received, part.gaps) == (10, 10, 0)


async def test_member_without_a_block_starts_anew(server: FeedServer) -> None:
    """A member without a kept block starts again; messages sent in its absence are not expected."""
    played = Played(server, Stay(0.0, 0.5), Stay(1.0, LONG), block_size=100)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 8)
    played.heads["users"] = 8
    await server.until(lambda: server.byes == 1)
    assert (played.status().expected, played.status().received) == (8, 8)
    await server.publish("users", 50)
    pongs = server.pongs
    await server.until(lambda: server.pongs > pongs)
    await server.publish("users", 3)
    played.heads["users"] = 61
    part = await played.end()
    assert (part.expected, part.received, part.gaps, part.messages) == (3, 3, 0, 11)
    assert (part.reached, played.member.failure) == (1, None)


async def test_stay_without_a_server_ends(server: FeedServer) -> None:
    """A second stay without a server also ends; earlier results still count."""
    played = Played(server, Stay(0.0, 0.5), Stay(0.6, 1.0), block_size=100)
    await server.until(lambda: server.connected == 1)
    await server.stop()
    part = await played.over()
    assert (part.reached, part.expected, part.connected) == (1, 0, 0)


async def test_member_that_never_connected_fails(server: FeedServer) -> None:
    """A member that never connected in its time fails; one that is stopped does not."""
    await server.stop()
    alone = Played(server, Stay(0.0, 0.5))
    part = await alone.over()
    assert alone.member.failure is not None
    assert alone.member.failure.startswith("it never connected")
    assert (part.members, part.reached) == (1, 0)
    stopped = Played(server)
    await stopped.end()
    assert stopped.member.failure is None


async def test_slow_reader_is_not_expected_to_keep_up(server: FeedServer) -> None:
    """Messages that a slow reader had no time for are not expected; its latencies do not count."""
    played = Played(server, bytes_per_second=2000)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 200)
    await server.until(lambda: len(server.stored) == 1)
    played.heads["users"] = 200
    part = await played.end()
    assert part.expected == part.received >= 5
    assert part.behind == 200 - part.expected > 0
    assert (part.gaps, played.latencies.total) == (0, 0)


async def test_member_without_its_log_fails(server: FeedServer, tmp_path: Path) -> None:
    """A member that cannot open its log fails and gives the reason."""
    (tmp_path / "member-00001.log").mkdir()
    played = Played(server, folder=tmp_path)
    part = await played.over()
    assert played.member.failure is not None
    assert "member-00001.log cannot be opened" in played.member.failure
    assert (part.members, part.reached, server.requests) == (1, 0, [])


async def test_refused_member_fails(server: FeedServer) -> None:
    """A member that the server refuses gives the reason and does not retry."""
    server.refusal = REFUSED
    played = Played(server, Stay(0.0, LONG), Stay(LONG, LONG))
    await played.over()
    assert played.member.failure is not None
    assert REFUSED.reason in played.member.failure
    assert len(server.requests) == 1


async def test_probe_returns_the_rates(server: FeedServer) -> None:
    """A probe of the server returns the rates, and leaves."""
    assert await Probe(server.url, ("users", "arrays")).rates() == {"users": 1.0, "arrays": 1.0}
    assert server.byes == 1


async def test_probe_without_a_server_fails(server: FeedServer) -> None:
    """If there is no server, the probe fails at once."""
    await server.stop()
    with pytest.raises(CouldNot, match=f"no server at {server.url}"):
        await Probe(server.url, ("users",)).rates()


async def test_refused_probe_is_not_repeated(server: FeedServer) -> None:
    """A refused probe fails without a retry."""
    server.refusal = REFUSED
    with pytest.raises(Refused, match=REFUSED.reason):
        await Probe(server.url, ("users",)).rates()
