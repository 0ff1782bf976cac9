"""Members of a swarm against a scripted server, which knows what it sent and lost."""

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
"""Seconds that no test waits for: what ends a stay is an event."""
REFUSED = Farewell(code=4501, reason="there is no feed users", retry_after=0)


BOTH = ("users", "arrays")


def heartbeat(server: FeedServer) -> Heartbeat:
    """Return a heartbeat that names all the server ever published."""
    heads = {feed: len(lines) for feed, lines in server.lines.items()}
    return Heartbeat(now=server.now_us(), heads=heads)


async def heard(server: FeedServer) -> None:
    """Return when a member with blocks of five of both feeds took all that was sent before."""
    stored = len(server.stored)
    await server.publish("arrays", 5)
    await server.until(lambda: len(server.stored) > stored)


class Played:
    """One member, played in this process, and what it came to."""

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
        """Let it leave; return how it stands then."""
        self.member.stop()
        await self._task
        return self.status()

    async def over(self) -> PartStatus:
        """Wait for its last stay to end; return how it stands then."""
        await self._task
        return self.status()

    def status(self) -> PartStatus:
        """Return how it stands."""
        part = PartStatus()
        self.member.add_to(part)
        return part


async def test_collects(server: FeedServer) -> None:
    """A member reports its blocks with the label, is acknowledged, and says bye."""
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


async def test_reach_counts_what_the_server_lost(server: FeedServer) -> None:
    """What never came is missing, and nothing else is."""
    played = Played(server)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.publish("users", 20, lost=4)
    await server.until(lambda: len(server.stored) == 4)
    played.heads["users"] = 25
    part = await played.end()
    assert (part.expected, part.received, part.gaps) == (25, 21, 4)
    assert measured(part)["reach"] == 21 / 25


async def test_reach_counts_what_a_silent_server_kept(server: FeedServer) -> None:
    """A server that names a later end and sends nothing more of a feed has lost the rest."""
    played = Played(server, feeds=BOTH)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.publish("users", 20, lost=20)
    await server.say(heartbeat(server))
    await heard(server)
    part = await played.end()
    assert (part.expected, part.received, part.gaps) == (30, 10, 0)
    assert part.messages == 10


async def test_reach_waits_for_what_a_heartbeat_named(server: FeedServer) -> None:
    """What was still on its way when a member was to leave is received, so nothing lacks."""
    played = Played(server, feeds=BOTH)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 5)
    await server.say(Heartbeat(now=server.now_us(), heads={"users": 8}))
    await heard(server)
    played.member.stop()
    await server.publish("users", 3)
    part = await played.over()
    assert (part.expected, part.received, part.gaps) == (13, 13, 0)


async def test_a_swarm_of_one_notices_silence(server: FeedServer) -> None:
    """With nobody beside it to compare with, the command ends with 4 all the same."""
    swarm = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "clientapp", "swarm", f"--url={server.url}", "--clients=1"),
        *(f"--seconds={LONG:g}", "--mix=users+arrays:5", "--json", "--expect=reach==1"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        # The first to come is a probe.
        await server.until(lambda: len(server.requests) == 2 and server.connected == 1)
        await server.publish("users", 15, lost=15)
        await server.say(heartbeat(server))
        await heard(server)
        swarm.send_signal(signal.SIGINT)
        said, why = await swarm.communicate()
    finally:
        if swarm.returncode is None:
            swarm.kill()
    assert b"reach==1 was expected, and reach is 0.25" in why
    measured = json.loads(said)["measured"]
    assert (swarm.returncode, measured["reach"]) == (4, 0.25)


async def test_comes_back(server: FeedServer, tmp_path: Path) -> None:
    """A member that was away goes on after its last block: without a hole."""
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


async def test_a_gap_that_is_filled(server: FeedServer) -> None:
    """What lacked in the block that a stay left unfinished, and came after it, is received."""
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


async def test_leaves_before_its_first_block(server: FeedServer) -> None:
    """With nothing kept it begins anew; what it never asked for is not received."""
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


async def test_server_away_when_it_comes_back(server: FeedServer) -> None:
    """A second stay without a server ends too; what was there before still counts."""
    played = Played(server, Stay(0.0, 0.5), Stay(0.6, 1.0), block_size=100)
    await server.until(lambda: server.connected == 1)
    await server.stop()
    part = await played.over()
    assert (part.reached, part.expected, part.connected) == (1, 0, 0)


async def test_server_that_never_was_there(server: FeedServer) -> None:
    """A member whose time is over before it was connected says so; one that is stopped does not."""
    await server.stop()
    alone = Played(server, Stay(0.0, 0.5))
    part = await alone.over()
    assert alone.member.failure is not None
    assert alone.member.failure.startswith("it was never connected")
    assert (part.members, part.reached) == (1, 0)
    stopped = Played(server)
    await stopped.end()
    assert stopped.member.failure is None


async def test_slow_reader(server: FeedServer) -> None:
    """Nobody expects what a slow reader had no time for, nor its latencies."""
    played = Played(server, bytes_per_second=2000)
    await server.until(lambda: server.connected == 1)
    await server.publish("users", 200)
    await server.until(lambda: len(server.stored) == 1)
    played.heads["users"] = 200
    part = await played.end()
    assert part.expected == part.received >= 5
    assert part.behind == 200 - part.expected > 0
    assert (part.gaps, played.latencies.total) == (0, 0)


async def test_log_that_another_client_holds(server: FeedServer, tmp_path: Path) -> None:
    """A member without its log cannot take part, and says why."""
    (tmp_path / "member-00001.log").mkdir()
    played = Played(server, folder=tmp_path)
    part = await played.over()
    assert played.member.failure is not None
    assert "member-00001.log cannot be opened" in played.member.failure
    assert (part.members, part.reached, server.requests) == (1, 0, [])


async def test_refused_member(server: FeedServer) -> None:
    """A member that the server refuses says why, and tries no more."""
    server.refusal = REFUSED
    played = Played(server, Stay(0.0, LONG), Stay(LONG, LONG))
    await played.over()
    assert played.member.failure is not None
    assert REFUSED.reason in played.member.failure
    assert len(server.requests) == 1


async def test_probe(server: FeedServer) -> None:
    """A look at the server tells the rates, and leaves."""
    assert await Probe(server.url, ("users", "arrays")).rates() == {"users": 1.0, "arrays": 1.0}
    assert server.byes == 1


async def test_probe_without_server(server: FeedServer) -> None:
    """Where no server is there, it is said at once."""
    await server.stop()
    with pytest.raises(CouldNot, match=f"no server at {server.url}"):
        await Probe(server.url, ("users",)).rates()


async def test_probe_refused(server: FeedServer) -> None:
    """What the server refuses is not tried again."""
    server.refusal = REFUSED
    with pytest.raises(Refused, match=REFUSED.reason):
        await Probe(server.url, ("users",)).rates()
