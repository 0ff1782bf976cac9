"""A time limit for calls whose outcome does not matter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

log = logging.getLogger(__name__)


async def at_most(seconds: float, call: Awaitable[None]) -> None:
    """Await *call* for *seconds* at most; log its errors at level DEBUG only."""
    try:
        async with asyncio.timeout(seconds):
            await call
    except Exception as error:  # noqa: BLE001  the errors depend on the driver
        log.debug("a call failed or timed out: %s", error)
