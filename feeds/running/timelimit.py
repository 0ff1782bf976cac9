"""A limit on the time of calls whose outcome nothing depends on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

log = logging.getLogger(__name__)


async def at_most(seconds: float, call: Awaitable[None]) -> None:
    """Await *call* for *seconds* at most; whatever it raises is only logged, for debugging."""
    try:
        async with asyncio.timeout(seconds):
            await call
    except Exception as error:  # noqa: BLE001  a channel layer raises what its driver raises
        log.debug("given up: %s", error)
