"""A slow reader, which tests how a server treats clients that lag behind."""

from __future__ import annotations

import asyncio


class SlowReader:
    """A `Brake` that lets *bytes_per_second* through."""

    def __init__(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second

    async def wait(self, size: int) -> None:
        """Wait as long as reading *size* bytes takes."""
        await asyncio.sleep(size / self._bytes_per_second)
