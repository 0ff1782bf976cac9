"""
The lateness of an innocent client beside two threads that only connect.

Run from the checkout: ``python -m benchmarks.neighbours``. One client follows a
feed: first alone, then while two threads of another process open and close
WebSockets as fast as they can, then alone again. Each connection is a fact to be
stored, and the generator's promises go to the same database. Prints the lateness
of the client's messages, and the ratio of those with neighbours to those without.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from contextlib import suppress
from itertools import count
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from threading import Thread

from clientapp.figures.ranks import nearest_rank
from tests.support.crowd import Crowd, until
from tests.support.innocent import Innocent
from tests.support.raw_client import RawClient
from tests.support.stack import Stack

RATE = 50
"""Messages per second of the feed."""
THREADS = 2
SETTLE_SECONDS = 3.0
"""Pause before the first and the last window, so that earlier facts are stored by then."""


def disturb(port: int, connections: Synchronized[int]) -> None:
    """Open and close connections in `THREADS` threads until the process is killed."""

    def connect(thread: int) -> None:
        for number in count():
            key = f"the-key-of-neighbour-{thread}-{number:09}"
            with suppress(OSError), RawClient(port, f"feed=arrays&session={key}") as client:
                client.wait_for("welcome")
                with connections.get_lock():
                    connections.value += 1

    for thread in range(THREADS):
        Thread(target=connect, args=(thread,)).start()


async def window(name: str, innocent: Innocent, seconds: float) -> tuple[float, float]:
    """Print the lateness over *seconds*; return its p99 and its maximum, in seconds."""
    innocent.begin()
    await asyncio.sleep(seconds)
    innocent.end()
    # Late messages belong to this window as well.
    received = len(innocent.latenesses)
    await until(lambda: len(innocent.latenesses) > received)
    late = sorted(innocent.latenesses)
    p99, longest = nearest_rank(late, 99), late[-1]
    print(
        f"{name:<16} {len(late):>6,} messages, p50 {nearest_rank(late, 50) * 1000:6.1f} ms, "
        f"p99 {p99 * 1000:8.1f} ms, maximum {longest * 1000:8.1f} ms; "
        f"longest silence {innocent.silence * 1000:8.1f} ms",
        flush=True,
    )
    return p99, longest


async def measure(stack: Stack, seconds: float) -> None:
    """Measure the lateness before, beside and after the neighbours."""
    crowd = Crowd(stack.port, 0)
    innocent = Innocent(stack.port, 0)
    crowd.followers[:] = [innocent]
    await crowd.start()
    await until(lambda: innocent.offset > RATE)
    await asyncio.sleep(min(seconds, SETTLE_SECONDS))
    alone = await window("alone", innocent, seconds)
    context = multiprocessing.get_context("spawn")
    connections = context.Value("q", 0)
    neighbours = context.Process(target=disturb, args=(stack.port, connections))
    neighbours.start()
    try:
        await until(lambda: connections.value > 0)
        before, began = connections.value, time.monotonic()
        beside = await window("beside two", innocent, seconds)
        rate = (connections.value - before) / (time.monotonic() - began)
    finally:
        neighbours.kill()
        neighbours.join()
    await asyncio.sleep(min(seconds, SETTLE_SECONDS))
    after = await window("alone again", innocent, seconds)
    await crowd.stop()
    ratios = [beside[one] / max(alone[one], after[one]) for one in range(2)]
    print(
        f"{rate:,.0f} connections/s; with neighbours the p99 is {ratios[0]:.1f} times and the "
        f"maximum {ratios[1]:.1f} times the worse of those without; "
        f"{innocent.missed} messages missed, {innocent.welcomes} welcomes"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of a window (default: 20)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.server()
            stack.generator("--feed=arrays", f"--rate={RATE}")
            asyncio.run(measure(stack, options.seconds))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
