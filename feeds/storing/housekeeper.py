"""
The housekeeper: removes old rows, and warns before the disk is full.

Every server process checks its disk. Only the process whose lease comes first by name removes
rows. If another one takes over, both may remove rows for a moment, which does no harm. Each
transaction removes a few rows, with pauses between them, in a separate thread and connection. So
neither a promise nor a report waits long.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connections

from feeds.conf import SQLITE
from feeds.models import Lease
from feeds.running.database import cause_of, is_unavailable
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.storing.quotas import MEGABYTE, cutoffs, remove_crowd
from feeds.storing.retention import remove

log = logging.getLogger(__name__)

DISK = "disk"
"""The name under which a nearly full disk counts as an outage."""
REST = 3.0
"""Pause after each batch, as a multiple of the time that it took."""


class Housekeeper:
    """The housekeeper of the process *server*."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._worker = Worker("housekeeper")

    async def keep(self) -> None:
        """Look at the disk; then remove rows, if that is the task of this process."""
        await asyncio.to_thread(look_at_disks)
        try:
            if not await self._worker.run(is_first, self._server):
                return
            now = datetime.now(UTC)
            removed = Counter[str]()
            for kind, before in (await self._worker.run(cutoffs, now)).items():
                removed[kind] = await self._remove(remove(kind, before))
            removed["reports"] += await self._remove(remove_crowd(settings.KEEP_SESSION_REPORTS))
        except Exception as error:
            if not is_unavailable(error):
                raise
            log.warning("old rows could not be deleted: %s", cause_of(error))
            return
        finally:
            await self._worker.run(connections.close_all)
        for kind, count in removed.items():
            if count:
                log.info("%d old %s were removed", count, kind)

    async def stop(self) -> None:
        """Close the database connection and end the thread."""
        await self._worker.stop()

    async def _remove(self, batches: Iterator[int]) -> int:
        removed = 0
        while True:
            began = time.monotonic()
            rows = await self._worker.run(_next, batches)
            if rows is None:
                return removed
            removed += rows
            await asyncio.sleep(REST * (time.monotonic() - began))


def _next(batches: Iterator[int]) -> int | None:
    return next(batches, None)


def is_first(server: str) -> bool:
    """Tell whether the lease of *server* comes first; False if it has none yet."""
    return Lease.objects.order_by("server").values_list("server", flat=True).first() == server


def look_at_disks() -> None:
    """Begin or end the outage of a disk that is nearly full."""
    least = settings.WARN_FREE_MEGABYTES * MEGABYTE
    free = {folder: shutil.disk_usage(folder).free for folder in _folders()}
    folder = min(free, key=lambda one: free[one])
    if free[folder] >= least:
        if DISK in OUTAGES.current():
            log.warning("the disk has room again")
            OUTAGES.end(DISK)
        return
    cause = f"{free[folder] // MEGABYTE:,} MB are free in {folder}"
    if DISK not in OUTAGES.current():
        log.warning("the disk is nearly full: %s", cause)
    OUTAGES.begin(
        DISK,
        Outage(
            what="The disk of the server is nearly full",
            cause=cause,
            then="once it is full, reports wait, and none is lost.",
        ),
    )


def _folders() -> set[Path]:
    """Return the folders that this process writes to."""
    database = settings.DATABASES["default"]
    path = Path(str(database["NAME"]))
    is_file = database["ENGINE"] == SQLITE and path.is_file()
    return {settings.VAR_DIR, *([path.parent] if is_file else [])}
