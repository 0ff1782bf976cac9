"""
One window of one server: start, load, measurement from outside, stop.

The server has its own core. All other processes, such as the load client, a
generator and a Valkey, share the remaining cores.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.comparison.contestants import Blockfeed, Contestant, installation
from benchmarks.comparison.figures import Window
from benchmarks.comparison.modes import Mode
from tests.support.stack import PATIENCE_SECONDS, Program, Stack

TICKS = os.sysconf("SC_CLK_TCK")
WARM_SECONDS = 2.0
"""Pause after the first clients, so that work at startup does not count as the cost of a
connection."""
SETTLE_SECONDS = 0.3
"""Pause after the last connection, before memory is read."""
FIRST_CLIENTS = 20
"""Clients that connect before the counted ones in an idle mode, so that the server's work
at its first connection does not count as the cost of each."""


class FailedError(Exception):
    """A window failed; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the server and of all other processes."""

    server: frozenset[int]
    others: frozenset[int]

    @classmethod
    def split(cls) -> Cores:
        """Give the server the first core that this process may use, if there are two."""
        cores = sorted(os.sched_getaffinity(0))
        return cls(frozenset(cores[:1]), frozenset(cores[1:] or cores))

    @classmethod
    def shared(cls) -> Cores:
        """Let the system place all processes, as in normal use."""
        cores = frozenset(os.sched_getaffinity(0))
        return cls(cores, cores)


class LoadClient:
    """A run of ``load.c``, which prints one JSON object per line."""

    def __init__(
        self,
        load: Path,
        port: int,
        target: str,
        clients: int,
        seconds: float,
        *dialect: str,
        is_awake: bool = False,
    ) -> None:
        """Start the client; with *is_awake* it never sleeps, so that waking it costs nothing."""
        awake = ("awake",) if is_awake else ()
        words = (load, *awake, port, target, clients, seconds, *dialect)
        self._process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def event(self, name: str) -> dict[str, Any]:
        """Return its next object, which must be *name*; raises FailedError."""
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said:
            _, errors = self._process.communicate()
            raise FailedError(errors.strip() or "the load client ended without a word")
        event: dict[str, Any] = json.loads(said)
        assert event["event"] == name, event
        return event

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Race:
    """The setup shared by all windows."""

    load: Path
    """The load client, compiled."""
    cores: Cores
    seconds: float
    """Seconds of each window."""

    def window(self, contestant: Contestant, mode: Mode, limit: float) -> Window:
        """
        Measure one window.

        *limit* is the number of messages per second that the contestant `LIMIT`
        delivers in this mode. Raises FailedError.
        """
        with ExitStack() as stack:
            place = installation(stack)
            server = contestant.start(place, mode)
            wait_for(place.port, server)
            pin(server.process.pid, self.cores.server)

            def connect(clients: int, seconds: float) -> tuple[LoadClient, float]:
                client = LoadClient(
                    self.load,
                    place.port,
                    contestant.target,
                    clients,
                    seconds,
                    *contestant.dialect,
                    is_awake=mode.is_saturated,
                )
                stack.callback(client.close)
                return client, client.event("open")["per_second"]

            if mode.is_idle:
                connect(FIRST_CLIENTS, 0)
                time.sleep(WARM_SECONDS)
                before = _resident_bytes(server)
                _, accepted = connect(mode.clients, 0)
                time.sleep(SETTLE_SECONDS)
                more = _resident_bytes(server) - before
                return Window(per_second=accepted, memory_kb=more / 1024 / mode.clients)
            client, _ = connect(mode.clients, self.seconds)
            contestant.publish(place, mode, limit)
            return _watch(mode, client, server)


def _watch(mode: Mode, client: LoadClient, server: Program) -> Window:
    client.event("begin")
    began, spent = time.monotonic(), cpu_seconds(server)
    result = client.event("result")
    used = (cpu_seconds(server) - spent) / (time.monotonic() - began)
    if result["unreadable"]:
        raise FailedError(f"{result['unreadable']} messages could not be read")
    return Window(
        per_second=result["per_second"],
        p50_ms=None if mode.is_saturated else result["p50_ms"],
        p99_ms=None if mode.is_saturated else result["p99_ms"],
        server_cpu=used,
        client_cpu=result["cpu"],
        lost=result["lost"],
        doubled=result["doubled"],
    )


def served(stack: ExitStack, cores: Cores, mode: Mode) -> tuple[Blockfeed, Stack, Program]:
    """Start Blockfeed's server on its core, until *stack* ends; raises FailedError."""
    blockfeed, place = Blockfeed(), installation(stack)
    server = blockfeed.start(place, mode)
    wait_for(place.port, server)
    pin(server.process.pid, cores.server)
    return blockfeed, place, server


def wait_for(port: int, server: Program) -> None:
    """Wait until *server* listens; raises FailedError."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise FailedError(f"it does not listen: {server.said[-300:].strip()}")


def pin(pid: int, cores: frozenset[int]) -> None:
    """Pin a process and its descendants to cores."""
    for process in family(pid):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(server: Program) -> float:
    """Return the processor time of a server and its descendants so far."""
    ticks = 0
    for process in family(server.process.pid):
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
        user, system = text.rpartition(")")[2].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / TICKS


def family(pid: int) -> list[int]:
    """Return *pid* and all its descendants."""
    children = [
        int(child)
        for thread in Path(f"/proc/{pid}/task").iterdir()
        for child in (thread / "children").read_text(encoding="ascii").split()
    ]
    return [pid, *(one for child in children for one in family(child))]


def _resident_bytes(server: Program) -> int:
    text = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")
