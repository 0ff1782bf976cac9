"""
What live clients feel while another one catches up.

Run from the checkout: ``python -m benchmarks.catching_up``. A client collects
a block and leaves; the feed goes on for MESSAGES; the client comes back and
catches up, every block verified. Printed are its time, and the latency of 100
live clients in that time and in windows of the same feed before and after it:
what of it is noise shows by how those differ. The live clients have a core of
their own, and the client that catches up gives way to all else: they stand for
other machines, whose work a server does not feel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.comparison.race import Cores, pin
from tests.support.crowd import Crowd, Follower
from tests.support.stack import Program, Stack

RATE = 50
LIVE = 100
BLOCK = 10_000
WINDOWS = 3
"""Without it, on each side: by so many a spread is known."""


class Watcher(Follower):
    """A live client that keeps its latencies."""

    def __init__(self, port: int, number: int, feed: str) -> None:
        super().__init__(port, number, feed)
        self.latencies: list[float] = []

    def _take(self, obj: dict[str, Any]) -> None:
        super()._take(obj)
        if obj["type"] == "message":
            self.latencies.append(self.late)


class LiveClients:
    """A crowd of watchers, window by window."""

    def __init__(self, port: int) -> None:
        self._crowd = Crowd(port, 0)
        self._watchers = [Watcher(port, number, "arrays") for number in range(LIVE)]
        self._crowd.followers[:] = self._watchers

    async def start(self) -> None:
        """Connect all."""
        await self._crowd.start()

    async def stop(self) -> None:
        """Hang up."""
        await self._crowd.stop()

    def window(self) -> tuple[list[float], int]:
        """Return the latencies since the last window, and how many were missed by now."""
        late = [one for watcher in self._watchers for one in watcher.latencies]
        for watcher in self._watchers:
            watcher.latencies = []
        return late, sum(watcher.missed for watcher in self._watchers)


def show(name: str, late: list[float], missed: int) -> None:
    """Print a window, of latencies in seconds; only once all are over: it is work for them."""
    late.sort()
    p50, p99, p999 = (late[int(len(late) * share)] * 1000 for share in (0.5, 0.99, 0.999))
    print(
        f"{name:<28} {len(late):>8} messages, p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, "
        f"p99.9 {p999:6.1f} ms, {missed} missed"
    )


def prepare(stack: Stack, messages: int) -> None:
    """Let a client be *messages* behind."""
    client = late_client(stack, blocks=1)
    client.wait_for("Connected")
    stack.run("generate", "--feed=arrays", "--rate=20000", f"--count={BLOCK}")
    client.process.wait()
    generator = stack.start("generate", "--feed=arrays", "--rate=100000", f"--count={messages}")
    generator.process.wait()
    stack.generator("--feed=arrays", f"--rate={RATE}")


def late_client(stack: Stack, blocks: int) -> Program:
    """Start the client that will be behind, or comes back."""
    return stack.client("late", "--feed=arrays", f"--block-size={BLOCK}", f"--blocks={blocks}")


async def measure(stack: Stack, messages: int, seconds: float) -> None:
    """Watch the live clients before, during and after."""
    cores = Cores.split()
    os.sched_setaffinity(0, cores.server)
    await asyncio.to_thread(stack.server)
    await asyncio.to_thread(prepare, stack, messages)
    os.sched_setaffinity(0, cores.others)
    live = LiveClients(stack.port)
    await live.start()
    await asyncio.sleep(2 + seconds / 2)
    live.window()
    windows = []
    for _ in range(WINDOWS):
        await asyncio.sleep(seconds)
        windows.append(("without, before", *live.window()))
    started = time.monotonic()
    client = late_client(stack, blocks=messages // BLOCK)
    pin(client.process.pid, cores.server)
    os.sched_setscheduler(client.process.pid, os.SCHED_IDLE, os.sched_param(0))
    code = await asyncio.to_thread(client.process.wait)
    took = time.monotonic() - started
    windows.append(("while another catches up", *live.window()))
    for _ in range(WINDOWS):
        await asyncio.sleep(seconds)
        windows.append(("without, after", *live.window()))
    await live.stop()
    for window in windows:
        show(*window)
    found = stack.rows("SELECT verdict, count(*), sum(size) FROM feeds_blockreport GROUP BY 1")
    print(f"caught up with {messages} messages in {took:.1f} s, exit code {code}; blocks: {found}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--messages", type=int, help="to be behind (default: 20,000 for each of the seconds)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of the windows without (default: 20)"
    )
    options = parser.parse_args()
    messages = options.messages or max(BLOCK, int(options.seconds * 20_000) // BLOCK * BLOCK)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            asyncio.run(measure(stack, messages, options.seconds))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
