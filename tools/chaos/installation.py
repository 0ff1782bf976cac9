"""
The installation of a chaos run: server, generator and clients as real processes.

A process that was ended is restarted under the same name, with the same log.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from feeds.layer import keeper
from feeds.layer.valkey import runtime_directory
from tests.support.stack import Program, Stack

FEEDS = (("users",), ("arrays",), ("users", "arrays"), ("users", "arrays"))
PATIENCE_SECONDS = 120.0
"""Longest wait for a client to leave; a run that reaches it has failed anyway."""
BLOCK_SIZES = (20, 50, 100, 200)
RATE = 90
"""Messages per second and feed: 10 million in half an hour, despite the outages."""
RECOVERY_SECONDS = 90.0
"""Time without a new block after which a client counts as stuck."""
CALM_SECONDS = 5.0
"""Pause before the clients leave, so that their last reports are acknowledged."""


class Installation:
    """One installation with a feed of each kind and its clients."""

    block_sizes: Sequence[int] = BLOCK_SIZES

    def __init__(self, folder: Path, chance: random.Random, clients: int, rate: int) -> None:
        self.stack = Stack(folder)
        self.folder = folder
        self._rate = rate
        self._options = {
            f"client-{number:02}": (
                f"--block-size={chance.choice(self.block_sizes)}",
                *(f"--feed={feed}" for feed in FEEDS[number % len(FEEDS)]),
            )
            for number in range(clients)
        }
        self.clients: dict[str, Program] = {}
        self.start_server()
        self.start_generator()
        for name in self._options:
            self.start_client(name)

    @property
    def names(self) -> list[str]:
        """The names of the clients."""
        return list(self._options)

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.folder / "var" / "db.sqlite3"

    def start_server(self) -> None:
        """Start the server, and wait until it listens."""
        self.server = self.stack.server()

    def start_generator(self) -> None:
        """Start the generator, and wait until it has published something."""
        self.generator = self.stack.generator(f"--rate={self._rate}")

    def start_client(self, name: str, *more: str) -> None:
        """Start a client with its options and *more*."""
        self.clients[name] = self.stack.client(name, *self._options[name], *more)

    def sizes(self) -> dict[str, int]:
        """Return the size of each client's log."""
        paths = {name: self.stack.log(name) for name in self._options}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database; a question mark in *query* stands for each of the *values*."""
        return self.stack.rows(query, *values)

    def recover(self) -> tuple[float | None, str]:
        """
        Wait until every client has written more; return the seconds (None: never) and the last.

        A block is written when it is complete, so each client then has another one.
        """
        started = time.monotonic()
        before = self.sizes()
        last = ""
        while (passed := time.monotonic() - started) < RECOVERY_SECONDS:
            now = self.sizes()
            waiting = [name for name, size in before.items() if now[name] <= size]
            if not waiting:
                return passed, last
            last = waiting[-1]
            time.sleep(0.05)
        return None, last

    def valkey(self) -> Redis:
        """Return a connection to the embedded server."""
        path = runtime_directory(str(self.folder / "var")) / keeper.SOCKET
        return Redis(unix_socket_path=str(path), socket_timeout=5)

    def valkey_process(self) -> int | None:
        """Return the process id of the embedded server; None while it is down."""
        with self.valkey() as client:
            try:
                return int(client.info("server")["process_id"])
            except (RedisError, OSError):
                return None

    def stop_clients(self) -> list[str]:
        """
        Let every client leave; return a sentence for each that fails.

        If a client left before its last reports were acknowledged, it is restarted for one more
        block, so that it resends these reports and waits. This repeats as long as more reports
        are stored.
        """
        for program in self.clients.values():
            program.process.send_signal(signal.SIGINT)
        wrong = self._wait_for_clients(self._options)
        late: list[str] = []
        stored = -1
        while (unsettled := self._unsettled()) and (now := self._stored(unsettled)) > stored:
            stored = now
            for name in unsettled:
                self.start_client(name, "--blocks=1")
            late = self._wait_for_clients(unsettled)
        return wrong + late

    def tracebacks(self) -> list[str]:
        """Return the names of output files with a traceback."""
        return [
            path.name
            for path in sorted(self.folder.glob("*.out"))
            if "Traceback" in path.read_text(encoding="utf-8", errors="replace")
        ]

    def _wait_for_clients(self, names: Iterable[str]) -> list[str]:
        ends = {name: self.clients[name].process.wait(PATIENCE_SECONDS) for name in names}
        return [
            f"{name} ended with {code}: {self.clients[name].said[-500:]}"
            for name, code in ends.items()
            if code != 0
        ]

    def _unsettled(self) -> list[str]:
        return [name for name in self._options if self._reports(name) < self._blocks(name)]

    def _stored(self, names: Iterable[str]) -> int:
        return sum(map(self._reports, names))

    def _blocks(self, name: str) -> int:
        with self.stack.log(name).open("rb") as lines:
            return sum(line.startswith(b"=== end of block ") for line in lines)

    def _reports(self, name: str) -> int:
        query = (
            "SELECT count(*) FROM feeds_blockreport r"
            " JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = ?"
        )
        return int(self.rows(query, name)[0][0])

    def close(self) -> None:
        """End all remaining processes."""
        self.stack.close()
