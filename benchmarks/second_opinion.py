"""
A second opinion on a swarm: the same run, measured by thirty lines of other code.

Run from the checkout: ``python -m benchmarks.second_opinion``. It starts a server
and a generator. A swarm and as many plain clients, which share only the
``websockets`` library with it, receive the same feed at the same time in separate
processes. Prints reach and latency of both side by side.

The two handle messages differently: a member checks each, collects it in a block
and reports that; a plain client only reads its offset and time. So a member may
stamp a message later, because it was still busy with previous ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from websockets.asyncio.client import connect

from tests.support.stack import Stack

RATE = 10
CLIENTS = 100


async def one(url: str, seconds: float, latencies: list[float]) -> tuple[int, int]:
    """Receive for some time; return the messages received and those due."""
    first = last = count = 0
    end = time.monotonic() + seconds
    async with connect(url, compression=None, max_queue=None) as socket:
        while (left := end - time.monotonic()) > 0:
            try:
                message = json.loads(await asyncio.wait_for(socket.recv(), left))
            except TimeoutError:
                break
            if message["type"] == "message":
                latencies.append(time.time() - message["at"] / 1_000_000)
                first, last = first or message["offset"], message["offset"]
                count += 1
    return count, last - first + 1 if first else 0


async def plain(url: str, clients: int, seconds: float) -> None:
    """Print the measurements of *clients* plain clients, as JSON."""
    latencies: list[float] = []
    counts = await asyncio.gather(*(one(url, seconds, latencies) for _ in range(clients)))
    latencies.sort()
    came, due = map(sum, zip(*counts, strict=True))
    found = {
        "reach": came / due,
        "latency_p50": latencies[len(latencies) // 2],
        "latency_p99": latencies[len(latencies) * 99 // 100],
    }
    print(json.dumps(found))


def compare(stack: Stack, clients: int, seconds: float) -> None:
    """Run both at once, and print their figures."""
    stack.server()
    stack.generator("--feed=arrays", f"--rate={RATE}")
    options = [f"--clients={clients}", f"--seconds={seconds}"]
    swarm = [sys.executable, "-m", "clientapp", "swarm", f"--url={stack.url}", "--json"]
    other = [sys.executable, "-m", "benchmarks.second_opinion", f"--plain={stack.url}?feed=arrays"]
    programs = {
        "swarm": subprocess.Popen(
            [*swarm, *options, "--mix=arrays:10"], stdout=subprocess.PIPE, text=True
        ),
        "plain clients": subprocess.Popen([*other, *options], stdout=subprocess.PIPE, text=True),
    }
    print(f"{clients} clients each, {RATE} messages/s, {seconds:g} s")
    for name, program in programs.items():
        said = json.loads(program.communicate()[0])
        found = said.get("measured", said)
        p50, p99 = (found[f"latency_{name}"] * 1000 for name in ("p50", "p99"))
        print(f"{name:<14} reach {found['reach']:.6f}, latency p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--clients", type=int, default=CLIENTS, help="clients of each kind (default: 100)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of the run (default: 20)"
    )
    parser.add_argument("--plain", metavar="URL", help="only the plain clients, at this server")
    options = parser.parse_args()
    seconds = max(options.seconds, 3.0)
    if options.plain:
        asyncio.run(plain(options.plain, options.clients, seconds))
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            compare(stack, options.clients, seconds)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
