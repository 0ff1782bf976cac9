"""The probes of a real server: before, during and after an outage, and while it stops."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

from tests.support.raw_client import RawClient
from tests.support.stack import PATIENCE_SECONDS, Stack, until


class Balancer:
    """A balancer's connection to a server, which it knows by address only."""

    def __init__(self, stack: Stack) -> None:
        self._connection = HTTPConnection("127.0.0.1", stack.port, timeout=PATIENCE_SECONDS)

    def ask(self, path: str) -> tuple[int, Any]:
        """Return the status and the JSON that *path* answers."""
        self._connection.request("GET", path, headers={"Host": "10.0.0.1:8000"})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def wait_for(self, status: int, reason: str = "") -> None:
        """Wait until the server answers with *status*, and *reason* among the reasons."""
        answers: list[tuple[int, Any]] = []

        def is_there() -> bool:
            answers.append(self.ask("/readyz"))
            code, value = answers[-1]
            return code == status and (not reason or reason in value["reasons"])

        until(is_there, lambda: str(answers[-3:]))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def test_readiness_follows_storage(stack: Stack) -> None:
    """If another program locks the database, server and generator say so before their driver."""
    stack.server()
    generator = stack.generator()
    with closing(Balancer(stack)) as balancer:
        balancer.wait_for(200)
        database = stack.folder / "var" / "db.sqlite3"
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            balancer.wait_for(503, "storage")
            assert balancer.ask("/healthz") == (200, {"alive": True})
            generator.wait_for("the database does not answer (no answer for 2 s); waiting")
            holder.execute("ROLLBACK")
        balancer.wait_for(200)


def test_stopping_server_is_not_ready(stack: Stack) -> None:
    """While the server stores its last facts before it ends, it is alive but not ready."""
    server = stack.server()
    with closing(Balancer(stack)) as balancer:
        balancer.wait_for(200)
        database = stack.folder / "var" / "db.sqlite3"
        with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as holder:
            client = RawClient(stack.port)
            client.wait_for("welcome")
            holder.execute("BEGIN EXCLUSIVE")
            with client:
                server.process.send_signal(signal.SIGTERM)
                balancer.wait_for(503, "drain")
                assert balancer.ask("/healthz") == (200, {"alive": True})
            holder.execute("ROLLBACK")
        assert server.process.wait(PATIENCE_SECONDS) == 0, server.said
