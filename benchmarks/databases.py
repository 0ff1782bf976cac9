"""
SQLite and PostgreSQL in one run: reports per second, and database connections.

Run from the checkout: ``python -m benchmarks.databases``. A hundred clients report
blocks of one message at increasing rates, on each database in turn, until it no
longer keeps up. PostgreSQL is a private server that syncs each commit, as SQLite
does. Then 10 and 3,000 clients connect, and the most database connections of the
server and the generator are counted meanwhile. Without PostgreSQL's server or a C
compiler, the part that needs it is left out.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Self

from benchmarks.comparison import building
from benchmarks.comparison.building import MissingError
from benchmarks.comparison.modes import SMOKE_SECONDS, Mode
from benchmarks.comparison.race import Cores, FailedError, LoadClient, served
from benchmarks.receipts import KEPT_UP, Load, measure
from tests.support import postgresql
from tests.support.postgresql import PostgreSQL
from tests.support.stack import Stack

CLIENTS = 100
OFFERS = (5, 10, 20, 30, 40, 60, 80)
"""Messages per second, and so reports per second of each client."""
CROWDS = (10, 3000)
LOOK_SECONDS = 0.1
"""Interval of counting connections."""
CLIENT_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = '{}'
"""


class Database:
    """SQLite, or a server of PostgreSQL, with an empty database for each window."""

    def __init__(self, name: str, server: PostgreSQL | None = None) -> None:
        self.name = name
        self._server = server
        self._numbers = count(1)
        self._used = ""
        """The name of the window's database in PostgreSQL."""

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Let installations use an empty database."""
        before = os.environ.pop("DATABASE_URL", None)
        if self._server is not None:
            self._used = f"window_{next(self._numbers)}"
            self._server.execute(f"CREATE DATABASE {self._used}")
            os.environ["DATABASE_URL"] = self._server.url(self._used)
        try:
            yield
        finally:
            os.environ.pop("DATABASE_URL", None)
            if before is not None:
                os.environ["DATABASE_URL"] = before

    def connections(self, place: Stack) -> int:
        """Return the number of connections that all processes of *place* have now."""
        if self._server is not None:
            ((number,),) = self._server.execute(CLIENT_CONNECTIONS.format(self._used))
            return int(number)
        file = str(place.folder / "var" / "db.sqlite3")
        return sum(target == file for target in _open_files())


def _open_files() -> Iterator[str]:
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # a process that has ended, or closed it
            yield str(descriptor.readlink())


def reports(program: Path, databases: list[Database], seconds: float) -> None:
    """Print the most reports per second that each of *databases* acknowledges."""
    most = dict.fromkeys((one.name for one in databases), 0.0)
    left = list(databases)
    for rate in OFFERS[: 1 if seconds < SMOKE_SECONDS else None]:
        load = Load(CLIENTS, rate, 1)
        for database in list(left):
            try:
                with database.fresh():
                    found = measure(program, Cores.shared(), load, seconds)
            except FailedError as failed:
                print(f"{database.name}: {load.offered:,.0f} reports/s are too many: {failed}")
                left.remove(database)
                continue
            reached = found["acks_per_second"]
            most[database.name] = max(most[database.name], reached)
            print(
                f"{database.name}: {reached:,.0f} of {load.offered:,.0f} reports/s acknowledged, "
                f"p50 {found['ack_p50_ms']:.0f} ms, p99 {found['ack_p99_ms']:.0f} ms; "
                f"server {found['server_cpu']:.0%} of a core",
                flush=True,
            )
            if reached < KEPT_UP * load.offered:
                left.remove(database)
    print("reports/s at most:", ", ".join(f"{name} {most[name]:,.0f}" for name in most))


def crowd(program: Path, database: Database, clients: int, seconds: float) -> int:
    """Return the most connections to *database* while *clients* connect, and after that."""
    mode = Mode(name="paced", title="", clients=clients, rate=10)
    with ExitStack() as stack:
        stack.enter_context(database.fresh())
        blockfeed, place, _ = served(stack, Cores.shared(), mode)
        blockfeed.publish(place, mode, 0)
        peak = stack.enter_context(Peak(lambda: database.connections(place)))
        client = LoadClient(program, place.port, blockfeed.target, clients, seconds)
        stack.callback(client.close)
        client.event("open")
        time.sleep(seconds)
        return peak.most


class Peak:
    """The highest value of a number, from entering to leaving it as a context."""

    def __init__(self, number: Callable[[], int]) -> None:
        self._number = number
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.most = max(self.most, self._number())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of a window (default: 10)"
    )
    options = parser.parse_args()
    try:
        program = building.compiled("load")
    except MissingError as missing:
        print(f"databases cannot be measured: {missing}")
        return
    databases = [Database("SQLite")]
    with ExitStack() as stack:
        try:
            # As an operator has it: a commit survives a power cut.
            safe = postgresql.running(fsync="on", full_page_writes="on", autovacuum="on")
            server = stack.enter_context(safe)
            databases.append(Database("PostgreSQL", server))
        except postgresql.MissingError as missing:
            print(f"only SQLite is measured: {missing}")
        try:
            reports(program, databases, options.seconds)
            for database in databases:
                numbers = [crowd(program, database, size, options.seconds) for size in CROWDS]
                said = ", ".join(
                    f"{number} with {size:,} clients"
                    for size, number in zip(CROWDS, numbers, strict=True)
                )
                print(f"{database.name}: connections at most: {said}", flush=True)
        except FailedError as failed:
            raise SystemExit(str(failed)) from None


if __name__ == "__main__":
    main()
