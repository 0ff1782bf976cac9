"""
The command line, messages and schedule that all Python peers share.

Runs in an interpreter without this project.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

SIZE = 200
"""Bytes of a message, the same as in ``limit.c``."""
HELD_BYTES = 256 * 1024
"""Bytes that may wait for one client before a saturated peer waits for it."""
LOOK_EVERY = 64
"""Messages between two checks of the waiting bytes: a check costs as much as sending."""


class Orders(NamedTuple):
    """The command line of a peer: ``PORT CLIENTS RATE``."""

    port: int
    clients: int
    """The number of connections at which publishing starts; 0: never."""
    rate: int
    """Messages per second; 0: as fast as possible."""


def orders() -> Orders:
    """Parse the command line; arguments after the three numbers are the peer's own."""
    return Orders(*map(int, sys.argv[1:4]))


def line(offset: int, at_us: int) -> str:
    """Return the message at *offset*, `SIZE` bytes of JSON."""
    head = f'{{"type":"message","feed":"bench","offset":{offset},"at":{at_us},"data":"'
    return f"{head:x<{SIZE - 2}}" + '"}'


async def publish(
    given: Orders,
    connected: Callable[[], int],
    send: Callable[[str], Awaitable[None]],
    waiting: Callable[[], Iterable[int]] = tuple,
) -> None:
    """
    Send messages as ordered, once all clients are *connected*.

    *waiting* returns the bytes waiting for each client; a peer whose *send* waits
    for slow clients by itself passes none.
    """
    while not given.clients or connected() < given.clients:
        await asyncio.sleep(0.05)
    started_us = time.time_ns() // 1000
    for offset in itertools.count(1):
        at_us = time.time_ns() // 1000
        if given.rate:
            at_us = started_us + (offset - 1) * 1_000_000 // given.rate
            await asyncio.sleep(max(at_us / 1e6 - time.time(), 0))
        await send(line(offset, at_us))
        if given.rate:
            continue
        await asyncio.sleep(0)
        while offset % LOOK_EVERY == 0 and max(waiting(), default=0) > HELD_BYTES:
            await asyncio.sleep(0.001)
