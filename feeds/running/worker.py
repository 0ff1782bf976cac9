"""
Threads for blocking work, each with its own database connection.

Django closes connections at the end of requests. Calls here belong to no request, so
the connection is kept between calls, which takes a twentieth of the time of opening
a new one (decision 0014).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from django.db import connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from feeds.postgresql.room import exempt

SWITCH_SECONDS = 0.0005
"""The switch interval for processes with an event loop and threads: the time after which
a thread returns the interpreter to the loop. Each send and read of the loop waits for this.
With Python's default of 5 ms, a thousand sends would wait for more than a second."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Worker:
    """
    A thread, or a few, that runs calls one after the other.

    All parts of a process share the one thread of ``database_sync_to_async``; a
    worker delays only its owner. If a caller is cancelled, it does not wait; its
    call still runs to its end.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        """Run at most as many calls at once as there are *threads*."""
        self._threads = threads
        self._executor = ThreadPoolExecutor(
            max_workers=threads, thread_name_prefix=name, initializer=exempt
        )

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return the result of *call*; raises its errors."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, afresh, call, *args)

    async def stop(self) -> None:
        """Close the database connections and end the threads, after their last calls."""
        loop = asyncio.get_running_loop()
        # Each thread must close its own connection, so none may run two of these calls.
        all_closed = Barrier(self._threads)

        def close() -> None:
            connections.close_all()
            all_closed.wait()

        closings = [loop.run_in_executor(self._executor, close) for _ in range(self._threads)]
        await asyncio.gather(*closings)
        self._executor.shutdown(wait=False)


def afresh(call: Callable[[*Ts], T], *args: *Ts) -> T:
    """
    Return the result of *call*, after replacing unusable database connections.

    A connection is unusable if an error occurred on it, if its server closed it, or
    if its SQLite file was replaced or removed.

    This also empties the list of queries that Django keeps if DEBUG is on. Outside
    of requests nothing else empties it, and it has up to 9,000 entries: 50 KB for each
    commit of a thousand reports.
    """
    for one in connections.all(initialized_only=True):
        if one.errors_occurred or _files.get(one) != _file(one):
            one.close()
        # Makes Django check once, before the next use, whether the connection is alive.
        one.health_check_done = False  # type: ignore[attr-defined]  # the stubs lack it
    reset_queries()
    return call(*args)


_files: WeakKeyDictionary[BaseDatabaseWrapper, tuple[int, int] | None] = WeakKeyDictionary()
"""Per connection, device and inode of its database's file at the time the connection opened."""


@receiver(connection_created)
def _remember_file(connection: BaseDatabaseWrapper, **_: Any) -> None:
    _files[connection] = _file(connection)


def _file(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    """Return device and inode of an SQLite file; None if missing, or for other databases."""
    if connection.vendor == "sqlite":
        with suppress(OSError):
            found = Path(connection.settings_dict["NAME"]).stat()
            return found.st_dev, found.st_ino
    return None
