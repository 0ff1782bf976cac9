"""
The latency of live clients while another client catches up.

Run from the checkout: ``python -m benchmarks.catching_up``. A client collects a
block and leaves; the feed continues for MESSAGES; the client returns and catches
up, and every block must be verified. Prints its time, and the latency of 100 live
clients in windows before, during and after; the windows before and after show the
noise. The live clients are in C. No process is pinned to a core, so on two cores
all processes of the server compete. The client that catches up runs at the lowest
priority, because it stands for another machine.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.comparison import building
from benchmarks.comparison.building import MissingError
from benchmarks.comparison.race import LoadClient
from tests.support.stack import Program, Stack

RATE = 50
LIVE = 100
BLOCK = 10_000
WINDOWS = 3
"""Windows before it catches up, and as many after: enough to show the spread."""


def window(name: str, program: Path, port: int, seconds: float) -> str:
    """Run 100 live clients for some time; return their figures as a line."""
    client = LoadClient(program, port, "/?feed=arrays", LIVE, seconds)
    try:
        client.event("open")
        client.event("begin")
        felt = client.event("result")
    finally:
        client.close()
    return (
        f"{name:<26} {felt['messages']:>8} messages, p50 {felt['p50_ms']:5.2f} ms, "
        f"p99 {felt['p99_ms']:5.2f} ms; {felt['lost']} lost, {felt['doubled']} duplicated"
    )


def prepare(stack: Stack, messages: int) -> None:
    """Put a client *messages* behind."""
    client = late_client(stack, blocks=1)
    client.wait_for("Connected")
    stack.run("generate", "--feed=arrays", "--rate=20000", f"--count={BLOCK}")
    client.process.wait()
    generator = stack.start("generate", "--feed=arrays", "--rate=100000", f"--count={messages}")
    generator.process.wait()
    stack.generator("--feed=arrays", f"--rate={RATE}")


def late_client(stack: Stack, blocks: int) -> Program:
    """Start the client that falls behind, or restart it."""
    return stack.client("late", "--feed=arrays", f"--block-size={BLOCK}", f"--blocks={blocks}")


def measure(stack: Stack, program: Path, messages: int, seconds: float) -> None:
    """Measure the live clients before, during and after."""
    stack.server()
    prepare(stack, messages)
    window("to warm up", program, stack.port, seconds / 2)
    # Printed only at the end, because printing is work as well.
    lines = [window("without, before", program, stack.port, seconds) for _ in range(WINDOWS)]
    started = time.monotonic()
    client = late_client(stack, blocks=messages // BLOCK)
    os.sched_setscheduler(client.process.pid, os.SCHED_IDLE, os.sched_param(0))
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(lambda: (client.process.wait(), time.monotonic()))
        while not ended.done():
            line = window("while another catches up", program, stack.port, seconds)
            if not ended.done() or len(lines) == WINDOWS:
                lines.append(line)
    code, end = ended.result()
    lines += [window("without, after", program, stack.port, seconds) for _ in range(WINDOWS)]
    print("\n".join(lines))
    found = stack.rows("SELECT verdict, count(*), sum(size) FROM feeds_blockreport GROUP BY 1")
    print(f"caught up with {messages} messages in {end - started:.1f} s, exit code {code}")
    print(f"blocks: {found}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--messages", type=int, help="messages to fall behind (default: 20,000 per second)"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of a window (default: 20)"
    )
    options = parser.parse_args()
    messages = options.messages or max(BLOCK, int(options.seconds * 20_000) // BLOCK * BLOCK)
    try:
        program = building.compiled("load")
    except MissingError as missing:
        print(f"catching up cannot be measured: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            measure(stack, program, messages, options.seconds)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
