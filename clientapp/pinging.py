"""The pings that ask the server for its time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import chain, repeat

from .wire import codec
from .wire.from_client import Ping

FIRST_PINGS = 5
"""Pings right after the welcome: the best of a few is accurate, a single one may not be."""
FIRST_PING_SECONDS = 0.2
"""The interval of the first pings, so that one pause of the machine does not delay all."""
PING_SECONDS = 10.0
"""The interval of all later pings: two clocks drift at most a millisecond apart in it."""


async def ask_time(send: Callable[[str], Awaitable[None]]) -> None:
    """Send pings until cancelled, each with the monotonic clock in microseconds."""
    for seconds in chain(repeat(FIRST_PING_SECONDS, FIRST_PINGS), repeat(PING_SECONDS)):
        ping = Ping(t0=time.monotonic_ns() // 1000)
        await send(codec.encode(ping.write()))
        await asyncio.sleep(seconds)
