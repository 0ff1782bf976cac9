"""
The pulse of an SQLite database: whether it accepts changes.

Any process can lock the whole database for any time, and reading still works. A driver that waits
for the lock reports an error only after 20 s. So an empty transaction takes the lock twice a
second, and writes nothing. PostgreSQL only locks rows, so there the next report shows whether the
database accepts changes.
"""

from __future__ import annotations

import time

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from feeds.running.database import is_unavailable
from feeds.running.worker import Worker

BEAT_SECONDS = 0.5
"""Interval of transactions: a third of the time after which a server is not ready."""
LOCK_MILLISECONDS = 1000
"""Longest wait of a transaction for the lock, so that it does not delay a stop."""


class Pulse:
    """The time since the database last accepted a change."""

    def __init__(self) -> None:
        """Count from now on."""
        self._worker = Worker("pulse")
        self._is_needed = connections[DEFAULT_DB_ALIAS].vendor == "sqlite"
        self._last = time.monotonic()

    async def beat(self) -> None:
        """Try once; to be called every `BEAT_SECONDS`."""
        if not self._is_needed:
            return
        try:
            await self._worker.run(_begin_and_end)
        except Exception as error:
            if not is_unavailable(error):
                raise
        else:
            self._last = time.monotonic()

    def silent_seconds(self) -> float:
        """Return the seconds without an accepted change; always 0 on PostgreSQL."""
        return time.monotonic() - self._last if self._is_needed else 0.0

    async def stop(self) -> None:
        """Close the database connection and end the thread."""
        await self._worker.stop()


def _begin_and_end() -> None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")
    with transaction.atomic():
        pass  # beginning is enough: the settings make it take the lock
