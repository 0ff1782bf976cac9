"""
How long a thousand clients feel the end of their server.

Run from the checkout: ``python -m benchmarks.restart``. First the server is
drained: printed are the time until it has ended, and the share of its clients
that saw close code 4001. Then it is started, gets its clients back, is killed,
and started again: printed is the time from its port being back to when the
clients are live and caught up, which means that each has a message that was
intended for less than half a second ago.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import tempfile
import time
from pathlib import Path

from clientapp.wire.closing import Close
from tests.support.crowd import Crowd, Follower, until
from tests.support.stack import Program, Stack

RATE = 10
LIVE_SECONDS = 0.5
"""A message that came so soon after its intended time did not wait for anything."""


async def measure_drain(crowd: Crowd, server: Program) -> None:
    """End the server by SIGTERM."""
    for one in crowd.followers:
        one.closes.clear()
        one.closes.append(None)
    started = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await until(lambda: server.process.poll() is not None)
    seconds = time.monotonic() - started
    saw = sum(Close.DRAIN in one.closes for one in crowd.followers)
    waits = sorted(one.byes[-1][1] for one in crowd.followers if one.byes)
    print(
        f"drain: {seconds:.2f} s to exit code {server.process.returncode}; {saw} of "
        f"{len(crowd.followers)} clients saw 4001; retry_after {waits[0]} to {waits[-1]} s"
    )


async def measure_return(crowd: Crowd, what: str) -> None:
    """Wait until everybody is live again; the port is back now."""
    started = time.monotonic()
    live: dict[Follower, float] = {}
    for one in crowd.followers:
        one.late = float("inf")
    while len(live) < len(crowd.followers):
        await asyncio.sleep(0.01)
        now = time.monotonic() - started
        for one in crowd.followers:
            if one not in live and one.late < LIVE_SECONDS:
                live[one] = now
        assert now < 60, f"{len(live)} are live"
    found = sorted(live.values())
    half, most = found[len(found) // 2], found[int(len(found) * 0.99)]
    missed = sum(one.missed for one in crowd.followers)
    print(
        f"{what}: live and caught up after {half:.2f} s (half), {most:.2f} s (99 %), "
        f"{found[-1]:.2f} s (all); {missed} messages missed"
    )


async def measure(stack: Stack, size: int) -> None:
    """Let *size* clients live through a drain and a kill."""
    server = await asyncio.to_thread(stack.server)
    await asyncio.to_thread(stack.generator, "--feed=arrays", f"--rate={RATE}")
    crowd = Crowd(stack.port, size)
    await crowd.start()
    await asyncio.sleep(2)
    await measure_drain(crowd, server)
    server = await asyncio.to_thread(stack.server)
    await measure_return(crowd, "after the drain")
    await asyncio.sleep(2)
    server.process.kill()
    server.process.wait()
    await asyncio.to_thread(stack.server)
    await measure_return(crowd, "after kill -9")
    await crowd.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--clients", type=int, default=1000, help="clients (default: 1000)")
    parser.add_argument(
        "--seconds", type=float, help="taken and ignored: each end is measured once"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            asyncio.run(measure(stack, options.clients))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
