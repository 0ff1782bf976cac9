"""
Many reports, lost acknowledgements, cut connections, killed clients: each stored once.

``BLOCKFEED_REPORTS`` is the number of reports, ``BLOCKFEED_SEED`` the seed.
"""

from __future__ import annotations

import faulthandler
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.fault_proxy import FaultProxy
from tests.support.faults import Storm
from tests.support.judge import judge
from tests.support.stack import Program, Stack, until

REPORTS = int(os.environ.get("BLOCKFEED_REPORTS", "2000"))
SEED = int(os.environ.get("BLOCKFEED_SEED", "1"))
CLIENTS = 6
RATE = 100
"""Messages per second; each is a block of every client."""
LONGEST_LIFE_SECONDS = 2.0
"""The longest time until another client is killed."""
LOST_ACKS = 0.05
CUTS = 0.0003
"""The share of texts that cut the connection: each client is cut off every few seconds."""
GROWTH_BYTES = 96 * 2**20
"""
The allowed growth of the server for any number of reports: its recent past, and the facts that
wait for the database, bounded by `waiting_facts`.
"""
PATIENCE_SECONDS = 900.0


@dataclass
class Crew:
    """The clients of a storm, each with its log and its current process."""

    stack: Stack
    url: str
    running: dict[str, Program]
    kills: int = 0

    def start(self, name: str, *options: str) -> None:
        """Start a client on its log, or start it again."""
        self.running[name] = self.stack.client(
            name, f"--url={self.url}", "--feed=arrays", "--block-size=1", "--quiet", *options
        )

    def kill(self, name: str) -> None:
        """Kill a client with SIGKILL, and start it again."""
        program = self.running[name]
        assert program.process.poll() is None, program.said
        assert program.stop(signal.SIGKILL) == -signal.SIGKILL
        self.kills += 1
        self.start(name)


def stored(stack: Stack) -> int:
    """Return the number of reports in the database."""
    return int(stack.rows("SELECT count(*) FROM feeds_blockreport")[0][0])


def memory(server: Program) -> int:
    """Return the resident bytes of the server."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def rage(stack: Stack, crew: Crew) -> None:
    """Kill clients at random until enough reports are stored."""
    chance = random.Random(SEED)
    end = time.monotonic() + PATIENCE_SECONDS
    while stored(stack) < REPORTS:
        assert time.monotonic() < end, f"{stored(stack)} of {REPORTS} reports are stored"
        time.sleep(chance.uniform(0, LONGEST_LIFE_SECONDS))
        crew.kill(chance.choice(list(crew.running)))


def settle(crew: Crew) -> None:
    """Start each client until all its reports are acknowledged; each start sends the rest."""
    for program in crew.running.values():
        # A process that has just started may not handle the signal in Python yet.
        assert program.stop() in (0, -signal.SIGINT), program.said
    left = list(crew.running)
    end = time.monotonic() + PATIENCE_SECONDS
    while left:
        assert time.monotonic() < end, crew.running[left[0]].said
        for name in left:
            crew.start(name, "--blocks=1")
        codes = {name: crew.running[name].process.wait(PATIENCE_SECONDS) for name in left}
        left = [name for name, code in codes.items() if code != 0]
        for name in left:
            assert "the next start sends them again" in crew.running[name].said


def judge_client(stack: Stack, name: str) -> None:
    """Check that the log is whole, and each block is stored once and verified in both."""
    session = judge(stack.log(name))
    numbers = list(range(1, len(session.blocks) + 1))
    rows = stack.rows(
        "SELECT number, verdict FROM feeds_blockreport r"
        " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = ? ORDER BY number",
        name,
    )
    assert rows == [(number, "verified") for number in numbers]
    assert session.verdicts == dict.fromkeys(numbers, "verified")


def test_storm_of_reports_loses_nothing(stack: Stack) -> None:
    """Despite losses, cuts and kills, every block is stored once and verified."""
    # Many reports take longer than a hanging test may; `rage` has a limit of its own.
    faulthandler.cancel_dump_traceback_later()
    server = stack.server()
    stack.generator("--feed=arrays", f"--rate={RATE}")
    storm = Storm(SEED, lost_acks=LOST_ACKS, cuts=CUTS)
    with FaultProxy(stack.port, lambda: storm) as proxy:
        crew = Crew(stack, proxy.url, {})
        for number in range(CLIENTS):
            crew.start(f"client{number}")
        until(lambda: stored(stack) >= CLIENTS, lambda: server.said[-2000:])
        before, began = memory(server), time.monotonic()
        rage(stack, crew)
        seconds = time.monotonic() - began
        reports, grown = stored(stack), memory(server) - before
        storm.calm()
        settle(crew)
    for name in crew.running:
        judge_client(stack, name)
    assert "Traceback" not in server.said
    assert storm.acks_lost > 0
    assert crew.kills > 0
    assert grown < GROWTH_BYTES, f"the server grew by {grown / 2**20:.0f} MiB"
    print(  # noqa: T201  shown if pytest runs with -s
        f"{reports} reports in {seconds:.0f} s, {reports / seconds:.0f}/s; {crew.kills} clients"
        f" killed, {storm.connections_cut} connections cut, {storm.acks_lost} acknowledgements"
        f" lost; the server grew by {grown / 2**20:.0f} MiB"
    )
