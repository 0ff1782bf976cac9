"""
The effect of readers of records over HTTP on live clients.

Run from the checkout: ``python -m benchmarks.readers``. A thousand clients follow a
feed of 100 messages per second: in turn alone and beside four readers that request records
as fast as they get them. Prints the latencies, the median ratio, and the records that were
read.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import tempfile
import time
from contextlib import closing
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from statistics import median

from benchmarks.comparison.building import compiled
from benchmarks.comparison.race import LoadClient
from tests.support.stack import Stack

CLIENTS = 1000
RATE = 100
READERS = 4
ROUNDS = 5
RECORDS = 2000
"""The records of one request; the feed has them before the first window."""


def read(port: int, records: Synchronized[int]) -> None:
    """Read the first records again and again until the process is killed."""
    # Readers are usually on another machine: here they run while a core has nothing else to do.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        while True:
            connection.request("GET", f"/feeds/users/records?last={RECORDS}")
            with connection.getresponse() as response:
                lines = response.read().count(b"\n")
            assert (response.status, lines) == (200, RECORDS)
            with records.get_lock():
                records.value += lines


def window(name: str, load: Path, port: int, seconds: float) -> float:
    """Print the latencies of all clients over *seconds*; return the p99 in milliseconds."""
    with closing(LoadClient(load, port, "/?feed=users", CLIENTS, seconds)) as client:
        for event in ("open", "begin"):
            client.event(event)
        result = client.event("result")
    print(
        f"{name:<16} p50 {result['p50_ms']:6.1f} ms, p99 {result['p99_ms']:6.1f} ms, "
        f"{result['per_second']:9,.0f} messages/s, {result['lost']} lost",
        flush=True,
    )
    p99: float = result["p99_ms"]
    return p99


def measure(stack: Stack, load: Path, seconds: float) -> None:
    """Measure the clients in turn without and beside the readers."""
    context = multiprocessing.get_context("spawn")
    records = context.Value("q", 0)
    alone, beside = [], []
    read_in = 0.0
    for _ in range(ROUNDS):
        alone.append(window("without readers", load, stack.port, seconds))
        readers = [
            context.Process(target=read, args=(stack.port, records), daemon=True)
            for _ in range(READERS)
        ]
        first = records.value
        for reader in readers:
            reader.start()
        try:
            while records.value == first:
                time.sleep(0.05)
            began = time.monotonic()
            beside.append(window(f"{READERS} readers", load, stack.port, seconds))
            read_in += time.monotonic() - began
        finally:
            for reader in readers:
                reader.kill()
                reader.join()
    print(
        f"{records.value / read_in:,.0f} records/s read; beside the readers the median p99 is "
        f"{median(beside) / median(alone):.2f} times that without "
        f"(noise: {min(alone) / median(alone):.2f} to {max(alone) / median(alone):.2f})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="length of a window (default: 5)"
    )
    options = parser.parse_args()
    load = compiled("load")
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.server()
            generator = stack.start("generate", "--feed=users", "--rate=1000", "--count=2000")
            assert generator.process.wait() == 0, generator.said
            stack.generator("--feed=users", f"--rate={RATE}")
            measure(stack, load, options.seconds)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
