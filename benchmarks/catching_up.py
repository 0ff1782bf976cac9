"""
What live clients feel while another one catches up.

Run from the checkout: ``python -m benchmarks.catching_up``. A client collects
a block and leaves; the feed goes on for MESSAGES; the client comes back and
catches up, every block verified. Printed are its time, and the latency of 100
live clients in windows of the same feed before, meanwhile and after: what of it
is noise shows by how those without differ. The live clients are in C, and nothing
is pinned to a core: on a machine with two, all of a server's processes have to find
their time. The client that catches up gives way to all else: it stands for another
machine, whose work a server does not feel.
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
"""Without it, on each side: by so many a spread is known."""


def window(name: str, program: Path, port: int, seconds: float) -> str:
    """Let 100 clients live for some time; return what they felt, as a line."""
    client = LoadClient(program, port, "/?feed=arrays", LIVE, seconds)
    try:
        client.event("open")
        client.event("begin")
        felt = client.event("result")
    finally:
        client.close()
    return (
        f"{name:<26} {felt['messages']:>8} messages, p50 {felt['p50_ms']:5.2f} ms, "
        f"p99 {felt['p99_ms']:5.2f} ms; {felt['lost']} lost, {felt['doubled']} doubled"
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


def measure(stack: Stack, program: Path, messages: int, seconds: float) -> None:
    """Watch the live clients before, during and after."""
    stack.server()
    prepare(stack, messages)
    window("to warm up", program, stack.port, seconds / 2)
    # Printed only once all are over: that, too, is work.
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
        "--messages", type=int, help="to be behind (default: 20,000 for each of the seconds)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="of a window (default: 20)")
    options = parser.parse_args()
    messages = options.messages or max(BLOCK, int(options.seconds * 20_000) // BLOCK * BLOCK)
    try:
        program = building.compiled("load")
    except MissingError as missing:
        print(f"nobody watches what catching up does: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            measure(stack, program, messages, options.seconds)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
