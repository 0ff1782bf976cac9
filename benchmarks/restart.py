"""
The time that a thousand clients need to recover from the end of their server.

Run from the checkout: ``python -m benchmarks.restart``. First the server is
drained. Prints the time until it has ended, the share of its clients that saw
close code 4001, and the time until all are live again. Then a server is killed and
restarted, at 10 and at 100 messages per second, with clients in C that reconnect
like ours. Prints the time from its port being open again until the clients are
live and caught up: each has received a message due less than half a second ago.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.comparison import building
from benchmarks.comparison.building import MissingError
from benchmarks.comparison.modes import SMOKE_SECONDS, Mode
from benchmarks.comparison.race import Cores, FailedError, LoadClient, pin, served, wait_for
from clientapp.figures.ranks import nearest_rank
from clientapp.wire.closing import Close
from tests.support.crowd import Crowd, Follower, until
from tests.support.stack import Program, Stack

RATE = 10
RATES = (10, 100)
"""Messages per second of a server that is killed."""
SMOKE_CLIENTS = 50
"""Clients of a smoke run, which proves that the benchmark runs; its figures have no meaning."""
LIVE_SECONDS = 0.5
"""A message received this soon after its intended time is live."""


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


async def measure_return(crowd: Crowd) -> None:
    """Wait until all clients are live again; the port is open now."""
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
    half, most = (nearest_rank(found, percent) for percent in (50, 99))
    missed = sum(one.missed for one in crowd.followers)
    print(
        f"after the drain: live and caught up after {half:.2f} s (half), {most:.2f} s (99 %), "
        f"{found[-1]:.2f} s (all); {missed} messages missed"
    )


async def measure(stack: Stack, size: int) -> None:
    """Drain a server with *size* clients."""
    server = await asyncio.to_thread(stack.server)
    await asyncio.to_thread(stack.generator, "--feed=arrays", f"--rate={RATE}")
    crowd = Crowd(stack.port, size)
    await crowd.start()
    await asyncio.sleep(2)
    await measure_drain(crowd, server)
    await asyncio.to_thread(stack.server)
    await measure_return(crowd)
    await crowd.stop()


def measure_kill(program: Path, cores: Cores, size: int, rate: int) -> None:
    """Kill the server of *size* clients that get *rate* messages a second."""
    mode = Mode(name="paced", title="", clients=size, rate=rate)
    with ExitStack() as stack:
        blockfeed, place, server = served(stack, cores, mode)
        client = LoadClient(program, place.port, blockfeed.target, size, 0, "return")
        stack.callback(client.close)
        client.event("open")
        blockfeed.publish(place, mode, 0)
        time.sleep(3)
        server.process.kill()
        server.process.wait()
        server = blockfeed.serve(place, mode)
        wait_for(place.port, server)
        back = time.monotonic()
        pin(server.process.pid, cores.server)
        found = client.event("returned")
        half, most, last = (found[part] - back for part in ("half", "most", "all"))
        print(
            f"kill -9 at {rate} messages/s: {found['clients']} live and caught up after "
            f"{half:.2f} s (half), {most:.2f} s (99 %), {last:.2f} s (all); "
            f"{found['lost']} messages missing, {found['doubled']} duplicated",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--clients", type=int, default=1000, help="clients (default: 1000)")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="below 0.5: a smoke run of 50 clients"
    )
    options = parser.parse_args()
    clients = options.clients if options.seconds >= SMOKE_SECONDS else SMOKE_CLIENTS
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            asyncio.run(measure(stack, clients))
        finally:
            stack.close()
    try:
        program = building.compiled("load")
    except MissingError as missing:
        print(f"restarts cannot be measured: {missing}")
        return
    cores = Cores.split()
    os.sched_setaffinity(0, cores.others)
    try:
        for rate in RATES:
            measure_kill(program, cores, clients, rate)
    except FailedError as failed:
        raise SystemExit(str(failed)) from None


if __name__ == "__main__":
    main()
