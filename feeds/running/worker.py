"""A thread for blocking work, with a database connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

from django.db import close_old_connections, connections, reset_queries

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
    Return what *call* returns; a database connection that broke is not used again.

    Outside of requests nobody else empties the list of queries that Django keeps
    where DEBUG is on: up to 9,000, 50 KB for each commit of a thousand reports.
    """
    close_old_connections()
    reset_queries()
    return call(*args)
