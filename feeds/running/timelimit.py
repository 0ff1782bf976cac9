"""Time limits: for calls whose outcome does not matter, and for complaints about slow ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


async def at_most(seconds: float, call: Awaitable[None]) -> None:
    """Await *call* for *seconds* at most; log its errors at level DEBUG only."""
    try:
        async with asyncio.timeout(seconds):
            await call
    except Exception as error:  # noqa: BLE001  the errors depend on the driver
        log.debug("a call failed or timed out: %s", error)


@contextmanager
def impatient(seconds: float, complain: Callable[[], None]) -> Iterator[None]:
    """Call *complain* if the block has not ended after *seconds*; the block continues."""
    timer = asyncio.get_running_loop().call_later(seconds, complain)
    try:
        yield
    finally:
        timer.cancel()
