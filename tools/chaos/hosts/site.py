"""
The installation of several hosts.

PostgreSQL, Redis or Valkey, two servers, a balancer in front of them, and two generators have
a host each; all clients share one. Two more clients, the probes, are connected to one server
each.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from feeds.layer.valkey import find_binary
from tests.support import postgresql
from tests.support.guardian import with_descendants
from tests.support.postgresql import PostgreSQL
from tests.support.stack import Program, until
from tests.support.wrong_clock import WrongClock
from tools.chaos.hosts.network import NET, Network
from tools.chaos.hosts.plan import DATABASE, LAYER, SERVERS
from tools.chaos.installation import Installation

PORT = 8000
RATE = 10
"""Messages per second and feed: the faults are about hosts, not about load."""
GENERATORS = ("generator-1", "generator-2")
CONNECT_SECONDS = 1.0
BALANCER, CLIENTS = "balancer", "clients"
PUBLISHES = ("publish", "spublish", "eval", "evalsha")
"""The last command of a generator that has feeds, on its connection to Redis."""


class Site(Installation):
    """One installation on several hosts."""

    block_sizes = (5, 10, 20)

    def __init__(self, folder: Path, chance: random.Random, clients: int) -> None:
        self.network = Network()
        for name in (DATABASE, LAYER, *SERVERS, BALANCER, *GENERATORS, CLIENTS):
            self.network.add(name)
        self.postgres = _postgres(folder / DATABASE, self.network)
        self.postgres.start()
        self._redis: subprocess.Popen[bytes] | None = None
        self.start_redis()
        self.programs: dict[str, Program] = {}
        """The server or generator of each host."""
        self.clocks: dict[str, WrongClock] = {}
        for server in SERVERS:
            (folder / server).mkdir()
            self.clocks[server] = WrongClock(folder / server)
        super().__init__(folder, chance, clients, RATE)
        self.probes = {server: f"probe-{server}" for server in SERVERS}
        for server, name in self.probes.items():
            self._options[name] = ("--block-size=2", "--feed=users", "--feed=arrays")
            self._urls[name] = f"ws://{self.address(server)}:{PORT}/"
            self.start_client(name)

    def address(self, host: str) -> str:
        """Return the address of *host*."""
        return self.network.hosts[host].address

    def start_server(self) -> None:
        """Migrate the database, and start both servers and the balancer."""
        self._urls = dict[str, str]()
        self.stack.environment |= {
            "DATABASE_URL": f"postgresql://{postgresql.USER}@{self.address(DATABASE)}:5432/postgres",
            "REDIS_URL": f"redis://{self.address(LAYER)}:6379/0",
            "ALLOWED_HOSTS": "*",
            "SECRET_KEY": "of this run only, and the same on all hosts",
        }
        self.stack.run("migrate", "-v0")
        for server in SERVERS:
            self.start(server)
        targets = [f"{self.address(server)}:{PORT}" for server in SERVERS]
        self._spawn(BALANCER, "-m", "tools.chaos.hosts.balancer", str(PORT), *targets)

    def start_generator(self) -> None:
        """Start a generator, and then one that stands by; each waits while the other works."""
        first, second = GENERATORS
        with self.postgres.connect() as connection:
            connection.execute("UPDATE feeds_feed SET rate = %s", (self._rate,))
        self.start(first)
        self.programs[first].wait_for("offset")
        self.start(second)
        self.programs[second].wait_for("standing by")

    def start(self, host: str) -> None:
        """Start the program of *host*; if it is a server, wait until it listens."""
        more = {"BLOCKFEED_VAR": str(self.folder / host)}
        if host in SERVERS:
            command = ["serve", f"--bind=0.0.0.0:{PORT}", "--allow-debug"]
            more |= self.clocks[host].environment
        else:
            command = ["generate", "--standby"]
        with self.stack.variables(more):
            self.programs[host] = program = self._spawn(host, "manage.py", *command)
        if host in SERVERS:
            until(lambda: self._listens(host), lambda: f"{host} does not listen:\n{program.said}")

    def _listens(self, host: str) -> bool:
        with socket.socket() as probe:
            probe.settimeout(CONNECT_SECONDS)
            return probe.connect_ex((self.address(host), PORT)) == 0

    def start_client(self, name: str, *more: str) -> None:
        """Start a client with its options and *more*."""
        url = self._urls.get(name, f"ws://{self.address(BALANCER)}:{PORT}/")
        log = f"--log={self.stack.log(name)}"
        options = (f"--url={url}", f"--name={name}", log, *self._options[name], *more)
        self.clients[name] = self._spawn(CLIENTS, "clientapp/client.py", *options)

    def start_redis(self) -> None:
        """Start Redis or Valkey, without a file."""
        options = ("--bind", "0.0.0.0", "--protected-mode", "no", "--save", "")  # noqa: S104  of its namespace
        self._redis = subprocess.Popen(
            [*self.network.hosts[LAYER].inside, find_binary(), *options],
            stdout=subprocess.DEVNULL,
        )

    def kill(self, host: str) -> None:
        """Kill the program of *host* with all its processes."""
        self.signal(host, signal.SIGKILL)
        if host == LAYER:
            assert self._redis is not None
            self._redis.wait()
        else:
            self.programs[host].process.wait()

    def signal(self, host: str, number: int) -> None:
        """Send a signal to all processes of *host*."""
        assert self._redis is not None
        process = self._redis if host == LAYER else self.programs[host].process
        for pid in with_descendants([process.pid]):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def generator_at_work(self) -> str:
        """Return the generator that published last."""
        hosts = {self.address(host): host for host in GENERATORS}
        found: list[tuple[int, str]] = []

        def look() -> bool:
            found.clear()
            with suppress(RedisError), Redis(self.address(LAYER), socket_timeout=2) as client:
                for one in client.client_list():
                    host = hosts.get(one["addr"].partition(":")[0])
                    if host and one["cmd"].partition("|")[0] in PUBLISHES:
                        found.append((int(one["idle"]), host))
            return bool(found)

        until(look, lambda: "no generator publishes")
        return min(found)[1]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database, through its socket, which no cut reaches."""
        with self.postgres.connect() as connection:
            return connection.execute(query.replace("?", "%s").encode(), values).fetchall()

    def wait_for_transaction(self, server: str) -> None:
        """Freeze *server* while PostgreSQL has an open transaction of it."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE client_addr = %s"
            " AND xact_start IS NOT NULL AND state = ANY(%s)"
        )
        values = (self.address(server), ["idle in transaction", "active"])
        still = (self.address(server), ["idle in transaction"])
        with self.postgres.connect() as connection:

            def is_inside() -> bool:
                if not connection.execute(query, values).fetchall():
                    return False
                self.signal(server, signal.SIGSTOP)
                time.sleep(0.1)
                if connection.execute(query, still).fetchall():
                    return True
                self.signal(server, signal.SIGCONT)
                return False

            until(is_inside, lambda: f"{server} had no transaction")

    def close(self) -> None:
        """End all processes, and remove the hosts."""
        super().close()
        if self._redis is not None:
            self._redis.kill()
            self._redis.wait()
        self.postgres.close()
        self.network.close()

    def _spawn(self, host: str, *command: str) -> Program:
        inside = self.network.hosts[host].inside
        return self.stack.program(host, *inside, sys.executable, *command)


def _postgres(folder: Path, network: Network) -> PostgreSQL:
    """Return a server for the whole network, as an operator has it."""
    folder.mkdir()
    folder.parent.chmod(0o711)  # PostgreSQL is another user
    host = network.hosts[DATABASE]
    server = PostgreSQL(
        folder,
        inside=host.inside,
        listen_addresses=host.address,
        fsync="on",
        full_page_writes="on",
        autovacuum="on",
        deadlock_timeout="1s",
    )
    with (folder / "data" / "pg_hba.conf").open("a", encoding="utf-8") as rules:
        rules.write(f"host all all {NET}.0/24 trust\n")
    return server
