"""The engine for PostgreSQL: every wait has an end."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from feeds.conf import Environment
from feeds.making.observation import PROMISE_SECONDS, TAKEOVER_SECONDS
from feeds.postgresql import limits, room
from feeds.running.database import is_unavailable
from tests.support.postgresql import PostgreSQL
from tools.waiting import until

CHECKOUT = Path(__file__).parents[2]
RUN = """
from tests.support.guardian import guard
guard()
from tests.support.postgresql import running
with running() as server:
    server.freeze()
    print(server.folder, *server.pids(), flush=True)
    input()
"""

OPEN: list[BaseDatabaseWrapper] = []
"""The connections of the current test."""


@pytest.fixture(autouse=True)
def unblocked(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let tests connect to other databases than Django's test database; close all at the end."""
    with django_db_blocker.unblock():
        yield
        while OPEN:
            OPEN.pop().close()


def connect(server: PostgreSQL, **options: str) -> BaseDatabaseWrapper:
    """Return a connection as the settings make it."""
    more = "".join(f"&{name}={value}" for name, value in options.items())
    found = Environment({"URL": server.url() + more}).database("URL", Path("unused"))
    OPEN.append(ConnectionHandler({"default": {"CONN_MAX_AGE": 0, **found}})["default"])
    return OPEN[-1]


def ask(connection: BaseDatabaseWrapper, statement: str) -> Any:
    """Return the first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


@pytest.fixture
def connection(postgresql: PostgreSQL) -> BaseDatabaseWrapper:
    """Give a test a connection with the default limits."""
    return connect(postgresql)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("statement_timeout", "15s"),
        ("lock_timeout", "4s"),
        ("idle_in_transaction_session_timeout", "2s"),
        ("client_connection_check_interval", "1s"),
        ("application_name", "blockfeed"),
    ],
)
def test_session_has_the_limits(connection: BaseDatabaseWrapper, name: str, value: str) -> None:
    """The server knows the limits of each session."""
    assert ask(connection, f"SHOW {name}") == value


def test_driver_has_the_limits(connection: BaseDatabaseWrapper) -> None:
    """Libpq gives up connecting, and closes a connection to a host that is gone."""
    connection.ensure_connection()
    found = connection.connection.info.get_parameters()
    assert {name: found.get(name) for name in limits.OF_THE_DRIVER} == {
        name: str(value) for name, value in limits.OF_THE_DRIVER.items()
    }


def test_address_sets_a_limit(postgresql: PostgreSQL) -> None:
    """A limit in the address has precedence, and so have options of libpq."""
    connection = connect(postgresql, statement_timeout="61s", application_name="other%20name")
    assert ask(connection, "SHOW statement_timeout") == "61s"
    assert ask(connection, "SHOW application_name") == "other name"
    connection.close()


def test_slow_statement_is_ended(postgresql: PostgreSQL) -> None:
    """A statement that takes too long fails, as if the database were unavailable."""
    connection = connect(postgresql, statement_timeout="1ms")
    with pytest.raises(OperationalError, match="canceling statement due to statement timeout") as e:
        ask(connection, "SELECT pg_sleep(600)")
    assert is_unavailable(e.value)
    connection.close()


def test_lock_is_not_waited_for_without_end(postgresql: PostgreSQL) -> None:
    """A process that waits too long for a lock can do something else."""
    postgresql.execute("CREATE TABLE IF NOT EXISTS locked ()")
    connection = connect(postgresql, lock_timeout="1ms")
    with postgresql.connect() as other, other.transaction():
        other.execute("LOCK TABLE locked")
        with pytest.raises(OperationalError, match="due to lock timeout") as caught:
            ask(connection, "BEGIN; LOCK TABLE locked")
    assert is_unavailable(caught.value)
    connection.close()


def test_lock_of_a_frozen_process_is_freed(
    postgresql: PostgreSQL, connection: BaseDatabaseWrapper
) -> None:
    """The transaction of a process that does nothing ends, and others get its lock."""
    postgresql.execute("CREATE TABLE IF NOT EXISTS held ()")
    frozen = connect(postgresql)
    ask(frozen, "BEGIN; LOCK TABLE held; SET idle_in_transaction_session_timeout = '1ms'")
    ask(connection, "BEGIN; LOCK TABLE held; COMMIT")
    with pytest.raises(DatabaseError) as caught:
        ask(frozen, "SELECT 1")
    assert is_unavailable(caught.value)
    assert "due to idle-in-transaction timeout" in postgresql.said


def test_idle_transaction_ends_before_a_wait_for_its_lock() -> None:
    """The first process that waits gets the lock, and need not try again."""
    assert limits.IDLE_SECONDS < limits.LOCK_SECONDS < limits.STATEMENT_SECONDS
    # A generator that is cut off while it promises delays no standby.
    assert PROMISE_SECONDS + limits.IDLE_SECONDS < TAKEOVER_SECONDS
    assert limits.STATEMENT_SECONDS < limits.ANSWER_SECONDS
    assert limits.IDLE_SECONDS + 1 < 5 >= limits.SILENT_SECONDS


def test_frozen_server_is_given_up(postgresql: PostgreSQL, connection: BaseDatabaseWrapper) -> None:
    """A server that no longer answers is unavailable; later a new connection works."""
    connection.ensure_connection()
    connection.connection.answer_seconds = 0.1
    postgresql.freeze()
    try:
        with pytest.raises(OperationalError, match="server did not answer") as caught:
            ask(connection, "SELECT 1")
        assert is_unavailable(caught.value)
        assert not connection.is_usable()
    finally:
        postgresql.thaw()
    connection.close()
    assert ask(connection, "SELECT 1") == 1


def test_frozen_server_accepts_no_connection(postgresql: PostgreSQL) -> None:
    """Connecting to a server that does not answer ends with an error, too."""
    connection = connect(postgresql, connect_timeout="2")  # the minimum of libpq
    postgresql.freeze()
    try:
        with pytest.raises(OperationalError, match="timeout") as caught:
            connection.ensure_connection()
        assert is_unavailable(caught.value)
    finally:
        postgresql.thaw()


def test_pages_have_a_number_of_connections(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond this number a page waits for another page's connection, and then gives up."""
    monkeypatch.setattr(room, "CONNECT_SECONDS", 0.01)
    pages = [connect(postgresql) for _ in range(limits.PAGE_CONNECTIONS)]
    for page in pages:
        assert ask(page, "SELECT 1") == 1
    late = connect(postgresql)
    with pytest.raises(OperationalError, match="all 8 database connections for pages") as caught:
        late.ensure_connection()
    assert is_unavailable(caught.value)
    pages[0].close()
    assert ask(late, "SELECT 1") == 1


def test_place_of_a_connection_that_failed_is_free(postgresql: PostgreSQL) -> None:
    """Connections that could not be made, or were ended by the server, occupy no place."""
    for _ in range(limits.PAGE_CONNECTIONS + 1):
        with pytest.raises(OperationalError):
            connect(postgresql, port="1").ensure_connection()
        page = connect(postgresql)
        pid = ask(page, "SELECT pg_backend_pid()")
        postgresql.execute(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(OperationalError):
            ask(page, "SELECT 1")
        page.close()


def test_threads_of_a_process_need_no_place(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker threads, with one connection each, connect even if pages use all places."""
    monkeypatch.setattr(room, "CONNECT_SECONDS", 0.01)
    pages = [connect(postgresql) for _ in range(limits.PAGE_CONNECTIONS)]
    for page in pages:
        page.ensure_connection()
    found = []

    def work() -> None:
        room.exempt()
        own = connect(postgresql)
        found.append(ask(own, "SELECT 1"))
        own.close()
        OPEN.remove(own)  # only its own thread may close it

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [1]


def test_migration_has_no_limits(postgresql: PostgreSQL) -> None:
    """A migration of many rows may take as long as it needs."""
    connection = connect(postgresql)
    with connection.schema_editor():
        assert ask(connection, "SHOW statement_timeout") == "0"
        assert ask(connection, "SHOW lock_timeout") == "0"
        assert connection.connection.answer_seconds is None
    connection.close()


def test_transaction_of_a_dead_client_ends(postgresql: PostgreSQL) -> None:
    """A statement whose client is gone is ended by the server."""
    connection = connect(postgresql, client_connection_check_interval="10ms")
    pid = ask(connection, "SELECT pg_backend_pid()")
    connection.connection.pgconn.send_query(b"SELECT pg_sleep(600)")
    connection.connection.pgconn.flush()
    query = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"
    until(lambda: postgresql.execute(query) == [(1,)], lambda: "the statement does not run")
    connection.close()
    until(lambda: postgresql.execute(query) == [(0,)], lambda: "the statement still runs")


@pytest.mark.skipif(sys.platform != "linux", reason="the guardian reads /proc")
def test_killed_run_leaves_no_server(postgresql: PostgreSQL) -> None:
    """A server ends with the test run that started it, even while it is frozen."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        folder, *pids = run.stdout.readline().split()
        run.kill()
    until(
        lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids),
        lambda: f"some of {pids} still run in {folder}",
    )
