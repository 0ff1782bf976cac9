"""The snapshots of this process, written once a second and before each scrape."""

from __future__ import annotations

import asyncio
import logging
import time

from feeds.metrics.folder import Folder
from feeds.metrics.names import Values
from feeds.metrics.page import page
from feeds.metrics.readings import Readings, disk

log = logging.getLogger("feeds.node")

SECONDS = 1.0
"""Interval of snapshots: the values of other processes are at most this old in an answer."""


class Publisher:
    """Writes the values of this process into *folder*, and answers scrapes from it."""

    def __init__(self, readings: Readings, folder: Folder) -> None:
        self._readings = readings
        self._folder = folder
        self._order = asyncio.Lock()
        self._due: float | None = None
        """When the next beat is due, by the monotonic clock; None before the first one."""
        self._loop_delay = 0.0
        self._is_failing = False

    async def beat(self) -> None:
        """Write a snapshot; to be called again `SECONDS` after it returns."""
        if self._due is not None:
            self._loop_delay = max(time.monotonic() - self._due, 0.0)
        try:
            await self._write()
        except OSError as error:
            if not self._is_failing:
                log.warning("metrics cannot be written: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False
        self._due = time.monotonic() + SECONDS

    async def answer(self, accept: str) -> tuple[bytes, str]:
        """
        Return the values of all processes of this host, and their content type.

        *accept* is the header of the request. Raises OSError if the folder is unusable.
        """
        # Every value in an answer must be in a file, or a counter could decrease after a kill.
        await self._write()
        async with self._order:
            return await asyncio.to_thread(self._render, accept)

    async def finish(self) -> None:
        """Write the last snapshot, for others to add up."""
        await self.beat()
        self._folder.leave()

    async def _write(self) -> None:
        async with self._order:
            values = self._readings.read(self._loop_delay)
            await asyncio.to_thread(self._store, values)

    def _store(self, values: Values) -> None:
        self._folder.write(values | disk())

    def _render(self, accept: str) -> tuple[bytes, str]:
        return page(self._folder.read(), accept)
