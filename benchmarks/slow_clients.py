"""
The cost of clients that never read, and their effect on live clients.

Run from the checkout: ``python -m benchmarks.slow_clients --seconds 10``. A
server, a generator at 100 messages per second and live clients run first alone,
then with clients that send the handshake and never read. Prints the latencies of
the live clients, and the memory of the server and the kernel (both ends of each
connection, from ``/proc/net/sockstat``) for each client that does not read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import connect

from clientapp.figures.ranks import nearest_rank
from tests.support.raw_client import RawClient
from tests.support.stack import Program, Stack

LIVE = 20
RATE = 100


def resident_bytes(server: Program) -> int:
    """Return the memory of the server process."""
    words = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()
    return int(words[1]) * 4096


def socket_bytes() -> int:
    """Return the kernel's memory for all TCP sockets of this machine."""
    words = Path("/proc/net/sockstat").read_text(encoding="ascii").split()
    return int(words[words.index("mem") + 1]) * 4096


class Live:
    """A client that reads at once, and records the latency of each message."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}?feed=users"
        self.latencies: list[float] = []

    async def run(self) -> None:
        """Receive until cancelled."""
        async with connect(self._url, compression=None) as socket:
            async for text in socket:
                now = time.time()
                obj = json.loads(text)
                if obj["type"] == "message":
                    self.latencies.append(now - obj["at"] / 1e6)


async def measure(url: str, seconds: float) -> str:
    """Return the latencies of live clients over *seconds*."""
    live = [Live(url) for _ in range(LIVE)]
    tasks = [asyncio.create_task(one.run()) for one in live]
    await asyncio.sleep(1)
    for one in live:
        one.latencies.clear()
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = sorted(latency for one in live for latency in one.latencies)
    p50, p99 = (nearest_rank(found, percent) * 1000 for percent in (50, 99))
    return f"{len(found):,} messages to {LIVE} live clients: p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="seconds of each measurement (default: 10)"
    )
    parser.add_argument(
        "--clients", type=int, default=500, help="clients that never read (default: 500)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            server = stack.server()
            stack.generator("--feed=users", f"--rate={RATE}")
            print("alone    ", asyncio.run(measure(stack.url, options.seconds)))
            resident, held = resident_bytes(server), socket_bytes()
            idle = [RawClient(stack.port, "feed=users") for _ in range(options.clients)]
            print("beside   ", asyncio.run(measure(stack.url, options.seconds)))
            process = (resident_bytes(server) - resident) / options.clients / 1024
            kernel = (socket_bytes() - held) / options.clients / 1024
            print(
                f"{options.clients} that never read: {process:.1f} KiB each in the server, "
                f"{kernel:.1f} KiB each in the kernel, both ends"
            )
            for one in idle:
                one.socket.close()
        finally:
            stack.close()


if __name__ == "__main__":
    main()
