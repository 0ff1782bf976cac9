"""The thread for blocking work."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import DatabaseError, OperationalError, connection, connections
from pytest_django import Settings

from feeds.models import Feed
from feeds.running.worker import Worker


def _look() -> int:
    """Query the database twice; return how many queries Django remembers."""
    for _ in range(2):
        Feed.objects.exists()
    return len(connection.queries)


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    """Give a test a worker, whose connection is closed afterwards."""
    one = Worker("test")
    yield one
    await one.stop()


@pytest.mark.django_db(transaction=True)
async def test_queries_are_not_accumulated(settings: Settings, worker: Worker) -> None:
    """If DEBUG is on, Django remembers the queries of the last call only."""
    settings.DEBUG = True
    assert [await worker.run(_look) for _ in range(3)] == [2, 2, 2]


def _opened() -> object:
    """Ask the database; return the driver's connection that was used."""
    Feed.objects.exists()
    return connection.connection


def _fail() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column FROM feeds_feed")


@pytest.mark.django_db(transaction=True)
async def test_a_connection_is_kept_from_call_to_call(worker: Worker) -> None:
    """Calls of one worker share a connection, until an error occurs on it."""
    first = await worker.run(_opened)
    assert await worker.run(_opened) is first
    with pytest.raises(DatabaseError):
        await worker.run(_fail)
    assert await worker.run(_opened) is not first


def _first() -> str:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT word FROM words")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.sqlite("the file of a database")
async def test_a_replaced_file_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, worker: Worker
) -> None:
    """The next call reads the file that is there now, and fails if there is none."""
    path = tmp_path / "database"
    for place, word in ((path, "old"), (tmp_path / "other", "new")):
        with closing(sqlite3.connect(place)) as one, one:
            one.execute("CREATE TABLE words (word TEXT)")
            one.execute("INSERT INTO words VALUES (?)", [word])
    await worker.run(lambda: monkeypatch.setitem(connection.settings_dict, "NAME", str(path)))
    assert await worker.run(_first) == "old"
    (tmp_path / "other").replace(path)
    assert await worker.run(_first) == "new"
    path.unlink()
    with pytest.raises(OperationalError):
        await worker.run(_first)
