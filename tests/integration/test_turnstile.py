"""The turnstile of SQLite: a promise waits for one transaction, never for several."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import TypeVar

import pytest
from django.db import connection, connections, transaction

from feeds.making import ownership
from feeds.models import Feed
from feeds.running.clock import now_us
from feeds.sqlite import turnstile as module
from feeds.sqlite.base import DatabaseWrapper
from feeds.sqlite.turnstile import Turnstile, first
from feeds.storing import ledger
from tests.integration.test_ledger import opened
from tests.support.database import elsewhere
from tools.waiting import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.sqlite("other databases have no turnstile"),
]

T = TypeVar("T")


class Threads:
    """Threads with a connection each, and their finished calls, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._pool = ThreadPoolExecutor(max_workers=2)

    def start(self, name: str, call: Callable[[], T]) -> Future[T]:
        """Run *call* in a thread; record *name* at its end."""
        return self._pool.submit(self._run, name, call)

    def close(self) -> None:
        """Wait for all threads."""
        self._pool.shutdown()

    def _run(self, name: str, call: Callable[[], T]) -> T:
        try:
            result = call()
            self.done.append(name)
            return result
        finally:
            connections.close_all()


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Return threads, and wait for them."""
    one = Threads()
    yield one
    one.close()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Let waits at the turnstile be as long as necessary; return the event of the first one."""
    event = Event()
    monkeypatch.setattr(module, "GIVE_WAY_SECONDS", PATIENCE_SECONDS)

    def sleep(seconds: float) -> None:
        event.set()
        time.sleep(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    return event


def path() -> Path:
    """Return the path of the turnstile."""
    return Path(f"{connection.settings_dict['NAME']}-turnstile")


def store() -> None:
    """Store a connection."""
    ledger.commit([opened()])


def note() -> None:
    """Write a row without a transaction around it."""
    Feed.objects.filter(name="arrays").update(promised_us=0)


@pytest.mark.parametrize("write", [store, note])
def test_write_gives_way(threads: Threads, waiting: Event, write: Callable[[], None]) -> None:
    """No transaction or single write begins while another connection has the turnstile."""
    with first():
        storing = threads.start("stored", write)
        assert waiting.wait(PATIENCE_SECONDS)
        threads.done.append("first")
    storing.result(PATIENCE_SECONDS)
    assert threads.done == ["first", "stored"]


def test_promise_overtakes(
    threads: Threads, waiting: Event, default_feeds: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise that waits for the lock is made before a transaction that comes later."""
    owned = ownership.take("arrays", now_us(), None)
    promising = Event()
    begin = transaction.Atomic.__enter__

    def noted(atomic: transaction.Atomic) -> None:
        promising.set()
        begin(atomic)

    with elsewhere() as execute:
        execute("BEGIN IMMEDIATE")
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(transaction.Atomic, "__enter__", noted)
            promise = threads.start(
                "promised", lambda: ownership.promise(owned, owned.promised, now_us())
            )
            assert promising.wait(PATIENCE_SECONDS)
        storing = threads.start("stored", store)
        assert waiting.wait(PATIENCE_SECONDS)
        execute("ROLLBACK")
    promise.result(PATIENCE_SECONDS)
    storing.result(PATIENCE_SECONDS)
    assert threads.done == ["promised", "stored"]


def test_no_transaction_overtakes_one_that_waits(threads: Threads, waiting: Event) -> None:
    """Transactions other than promises begin in turn, so none waits for several others."""
    with connection.cursor():
        turnstile = connection.turnstile  # type: ignore[attr-defined]
    with turnstile.passing():  # as if it waited for the lock
        storing = threads.start("stored", store)
        assert waiting.wait(PATIENCE_SECONDS)
        threads.done.append("began")
    storing.result(PATIENCE_SECONDS)
    assert threads.done == ["began", "stored"]


def test_hanging_owner_delays_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that keeps the turnstile delays each connection once, and not for ever."""
    store()
    looks: list[float] = []
    monkeypatch.setattr(module, "GIVE_WAY_SECONDS", 0.01)

    def noted(seconds: float) -> None:
        looks.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=noted))
    with path().open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        store()
        assert looks
        looks.clear()
        store()
        assert not looks
        fcntl.flock(file, fcntl.LOCK_UN)
        store()
        fcntl.flock(file, fcntl.LOCK_SH)
        store()
        assert looks, "it waits again, since the turnstile was free meanwhile"


def test_killed_owner_frees_it(threads: Threads, waiting: Event) -> None:
    """The kernel frees the turnstile of a killed process."""
    store()
    program = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1])\n"
        "fcntl.flock(file, fcntl.LOCK_SH)\n"
        "print('occupied', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"occupied\n"
        storing = threads.start("stored", store)
        assert waiting.wait(PATIENCE_SECONDS)
        owner.send_signal(signal.SIGKILL)
        storing.result(PATIENCE_SECONDS)


@pytest.mark.parametrize("mode", [0o600, 0o660])
def test_same_users_as_the_database(tmp_path: Path, mode: int) -> None:
    """The file of the turnstile has the rights of the database, whatever the umask."""
    database = tmp_path / "db.sqlite3"
    database.touch()
    database.chmod(mode)
    Turnstile(database).close()
    assert stat.S_IMODE((tmp_path / "db.sqlite3-turnstile").stat().st_mode) == mode


def test_lock_that_cannot_be_left(tmp_path: Path) -> None:
    """A network file system may fail to free the file; the write is still done."""
    (tmp_path / "db.sqlite3").touch()
    turnstile = Turnstile(tmp_path / "db.sqlite3")
    with turnstile.passing():
        assert turnstile._file is not None
        os.close(turnstile._file)
    turnstile._file = None


def test_turnstile_that_cannot_be_opened(tmp_path: Path) -> None:
    """Without the right to open the file, transactions begin at once."""
    (tmp_path / "db.sqlite3").touch()
    (tmp_path / "db.sqlite3-turnstile").mkdir()
    turnstile = Turnstile(tmp_path / "db.sqlite3")
    with turnstile.passing(), Turnstile(tmp_path / "db.sqlite3").occupied():
        pass
    turnstile.close()


def test_database_in_memory_has_no_turnstile() -> None:
    """No other process can write to a database in memory."""
    other = DatabaseWrapper({**connection.settings_dict, "NAME": ":memory:"}, alias="other")
    other.ensure_connection()
    assert other.turnstile is None
    other.connection.close()
