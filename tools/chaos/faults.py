"""
The faults of a chaos run: each is caused and undone before its function returns.

A fault restarts every process that it ends. It does not wait for recovery,
which begins afterwards.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from tests.support.raw_client import SMALL_BUFFER, RawClient
from tests.support.stack import Program, until
from tools.chaos.installation import Installation

Fault = Callable[[Installation, random.Random], None]

FAULTS: dict[str, Fault] = {}
"""Every fault by its name."""


def fault(name: str) -> Callable[[Fault], Fault]:
    """Register a fault."""

    def register(one: Fault) -> Fault:
        FAULTS[name] = one
        return one

    return register


@fault("server killed")
def kill_server(on: Installation, chance: random.Random) -> None:
    """Kill the server, and restart it after a while."""
    _kill(on.server)
    time.sleep(chance.uniform(0, 3))
    on.start_server()


@fault("server restarted")
def restart_server(on: Installation, chance: random.Random) -> None:
    """Let the server drain, and restart it."""
    code = on.server.stop(chance.choice([signal.SIGTERM, signal.SIGINT]))
    assert code == 0, f"the server ended with {code}"
    on.start_server()


@fault("server frozen")
def freeze_server(on: Installation, chance: random.Random) -> None:
    """Freeze the server for a while."""
    _freeze(on.server.process.pid, chance.uniform(1, 5))


@fault("generator killed")
def kill_generator(on: Installation, chance: random.Random) -> None:
    """Kill the generator, and restart it after a while."""
    _kill(on.generator)
    time.sleep(chance.uniform(0, 3))
    on.start_generator()


@fault("generator restarted")
def restart_generator(on: Installation, chance: random.Random) -> None:
    """Stop the generator, and restart it."""
    code = on.generator.stop(chance.choice([signal.SIGTERM, signal.SIGINT]))
    assert code == 0, f"the generator ended with {code}"
    on.start_generator()


@fault("generator frozen")
def freeze_generator(on: Installation, chance: random.Random) -> None:
    """Freeze the generator until it is behind its schedule."""
    _freeze(on.generator.process.pid, chance.uniform(1, 5))


@fault("client killed")
def kill_client(on: Installation, chance: random.Random) -> None:
    """Kill a client at any point of a block, and restart it."""
    name = chance.choice(on.names)
    _kill(on.clients[name])
    on.start_client(name)


@fault("client frozen")
def freeze_client(on: Installation, chance: random.Random) -> None:
    """Freeze a client, so that the server cannot send it anything."""
    _freeze(on.clients[chance.choice(on.names)].process.pid, chance.uniform(2, 8))


@fault("client's disk full")
def fill_disk(on: Installation, chance: random.Random) -> None:
    """End a client by a limit on the size of its log, and restart it."""
    name = chance.choice(on.names)
    client = on.clients[name]
    room = on.sizes()[name] + chance.randrange(5000)
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (room, room))
    assert client.process.wait(60) == 1, client.said[-500:]
    on.start_client(name)


@fault("client that never reads")
def never_read(on: Installation, chance: random.Random) -> None:
    """Connect a client that requests both feeds and reads nothing."""
    query = "client=idle&feed=users&feed=arrays"
    with RawClient(on.stack.port, query, buffer=SMALL_BUFFER):
        time.sleep(chance.uniform(2, 5))


@fault("Valkey killed")
def kill_valkey(on: Installation, chance: random.Random) -> None:
    """Kill Valkey; its keeper restarts it."""
    until(lambda: on.valkey_process() is not None, lambda: "there is no Valkey")
    pid = on.valkey_process()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: on.valkey_process() not in (None, pid), lambda: "Valkey did not come back")


@fault("Valkey frozen")
def freeze_valkey(on: Installation, chance: random.Random) -> None:
    """Freeze Valkey for longer than any process waits for it."""
    until(lambda: on.valkey_process() is not None, lambda: "there is no Valkey")
    pid = on.valkey_process()
    assert pid is not None
    _freeze(pid, chance.uniform(2, 8))


@fault("Valkey flushed, and its connections cut")
def flush_valkey(on: Installation, chance: random.Random) -> None:
    """Flush Valkey, and cut all its connections."""
    with on.valkey() as client:
        client.flushall()
        client.client_kill_filter(_type="pubsub")
        client.client_kill_filter(_type="normal")


@fault("Valkey slow")
def slow_valkey(on: Installation, chance: random.Random) -> None:
    """Pause Valkey briefly, three times."""
    for _ in range(3):
        with on.valkey() as client:
            client.client_pause(chance.randrange(200, 1200))
        time.sleep(chance.uniform(0.5, 1.5))


@fault("database locked")
def lock_database(on: Installation, chance: random.Random) -> None:
    """Lock the database from another connection."""
    with closing(sqlite3.connect(on.database, timeout=60, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        # Sometimes for longer than SQLite waits.
        time.sleep(chance.choice([2, 4, 8, 22]))
        holder.execute("ROLLBACK")


@fault("database gone")
def remove_database(on: Installation, chance: random.Random) -> None:
    """Replace the database by a folder, which no process can open."""
    away = on.folder / "away"
    on.database.rename(away)
    on.database.mkdir()
    time.sleep(chance.uniform(1, 5))
    on.database.rmdir()
    away.rename(on.database)


def _kill(program: Program) -> None:
    program.process.kill()
    program.process.wait()


def _freeze(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
