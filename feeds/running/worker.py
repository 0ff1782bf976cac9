"""
A thread for blocking work, with a database connection of its own.

Django closes connections at the end of requests. Calls here belong to none, so
a connection is kept from call to call, which takes a twentieth of the time of a
new one (decision 0014).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

from django.db import connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

SWITCH_SECONDS = 0.0005
"""A thread beside an event loop gives the interpreter back to it so soon, where its
process says so; each send and each read of the loop waits for that. Python's own
5 ms, some thousand times a second, are more than a second has."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Worker:
    """
    Runs calls one after the other in one thread.

    Unlike ``database_sync_to_async``, whose one thread all parts of a process
    share, a worker keeps nobody waiting but its owner. A caller that is
    cancelled is cancelled; the call comes to its end alone.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return what *call* returns; raises what it raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, afresh, call, *args)

    async def stop(self) -> None:
        """Close the database connection and end the thread, after its last call."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, connections.close_all)
        self._executor.shutdown(wait=False)


def afresh(call: Callable[[*Ts], T], *args: *Ts) -> T:
    """
    Return what *call* returns; a database connection that is of no use is replaced first.

    Such is one on which an error occurred, one that its server has ended, and one
    to an SQLite file in whose place there is another, or none, by now.

    Outside of requests nobody else empties the list of queries that Django keeps
    if DEBUG is on: up to 9,000, 50 KB for each commit of a thousand reports.
    """
    for one in connections.all(initialized_only=True):
        if one.errors_occurred or _files.get(one) != _file(one):
            one.close()
        # Django asks a server whether the connection lives, once before it is used.
        one.health_check_done = False  # type: ignore[attr-defined]  # the stubs lack it
    reset_queries()
    return call(*args)


_files: WeakKeyDictionary[BaseDatabaseWrapper, tuple[int, int] | None] = WeakKeyDictionary()
"""Per connection the file of its database when it was opened."""


@receiver(connection_created)
def _remember_file(connection: BaseDatabaseWrapper, **_: Any) -> None:
    _files[connection] = _file(connection)


def _file(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    """Return device and inode of an SQLite file; None: there is none, or another database."""
    if connection.vendor == "sqlite":
        with suppress(OSError):
            found = Path(connection.settings_dict["NAME"]).stat()
            return found.st_dev, found.st_ino
    return None
