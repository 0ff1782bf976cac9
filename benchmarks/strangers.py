"""
The lateness of innocent clients while strangers attack the server.

Run from the checkout: ``python -m benchmarks.strangers --seconds 10``. Innocent clients follow a
feed. Then each attack runs for some seconds, from its own addresses (127.0.0.2 and up), in other
processes. Prints the innocent clients' p99 and longest silence before, during and after each
attack, and the memory and disk that the server used meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path
from typing import Any

from clientapp.figures.ranks import nearest_rank
from tests.support.crowd import Crowd, until
from tests.support.innocent import Innocent
from tests.support.raw_client import text_frame, upgrade
from tests.support.raw_http import request
from tests.support.stack import Program, Stack

RATE = 50
"""Messages per second of the feed."""
FORM = "Content-Type: application/x-www-form-urlencoded"
HOST = "127.0.0.1"
Attack = Callable[[int, str], None]
"""One attack on the server at a port, from an address; it is called again and again."""


def connection(port: int, address: str) -> socket.socket:
    """Connect from *address*."""
    return socket.create_connection((HOST, port), timeout=5, source_address=(address, 0))


def form(size: int) -> Attack:
    """Return the attack that posts a form of small fields with *size* bytes."""

    def post(port: int, address: str) -> None:
        part = b"a=&" * 2**15
        with connection(port, address) as client:
            head = request("POST", FORM, "Origin: https://elsewhere", f"Content-Length: {size}")
            client.sendall(head.encode())
            for _ in range(size // len(part) + 1):
                client.sendall(part)
            client.recv(100)

    return post


def announced(port: int, address: str) -> None:
    """Announce a body of 10 GB, and send a part of it."""
    with connection(port, address) as client:
        client.sendall(request("POST", FORM, "Content-Length: 10000000000").encode())
        client.sendall(b"a=&" * 2**20)
        client.recv(100)


def chunks(port: int, address: str) -> None:
    """Send a body of unknown length in tiny chunks."""
    with connection(port, address) as client:
        client.sendall(request("POST", FORM, "Transfer-Encoding: chunked").encode())
        client.sendall(b"1\r\na\r\n" * 2**20)


def drip(begin: bytes) -> Attack:
    """Return the attack that sends *begin*, then a byte a second, on a hundred connections."""

    def send(port: int, address: str) -> None:
        clients = [connection(port, address) for _ in range(100)]
        try:
            for client in clients:
                client.sendall(begin)
            while True:
                time.sleep(1)
                for client in clients:
                    client.sendall(b"x")
        finally:
            for client in clients:
                client.close()

    return send


def pages(port: int, address: str) -> None:
    """Request the page again and again."""
    with connection(port, address) as client:
        client.sendall(request("GET", "Connection: close").encode())
        while client.recv(2**16):
            pass


def silent(port: int, address: str) -> None:
    """Open connections that send nothing."""
    clients = [connection(port, address) for _ in range(300)]
    time.sleep(1)
    for client in clients:
        client.close()


def frames(frame: bytes, *, is_plain: bool = False, reads: bool = False) -> Attack:
    """Return the attack that sends *frame* as fast as it can."""

    def send(port: int, address: str) -> None:
        many = frame * max(1, 2**16 // len(frame))
        with connection(port, address) as client:
            client.sendall(upgrade("client=stranger&feed=users", is_plain=is_plain))
            client.recv(2**12)  # frames sent before the answer would be lost
            while True:
                client.sendall(many)
                if reads:
                    client.setblocking(False)
                    with suppress(BlockingIOError):
                        client.recv(2**20)
                    client.settimeout(5)

    return send


def connects(port: int, address: str) -> None:
    """Open a WebSocket and close it at once."""
    with connection(port, address) as client:
        client.sendall(upgrade("client=stranger&feed=users"))
        client.recv(2**12)


def big_text() -> bytes:
    """Return the frame of a text of 4,000 characters."""
    return bytes([0x81, 0x80 | 126]) + (4000).to_bytes(2, "big") + bytes(4) + b"x" * 4000


FRAGMENTS = (
    text_frame("x", last=False)
    + text_frame("", opcode=0, last=False) * 200
    + text_frame("", opcode=0)
)
ATTACKS: dict[str, tuple[Attack, int]] = {
    "form of 20 MB": (form(20 * 10**6), 1),
    "form of 150 MB": (form(150 * 10**6), 1),
    "forms of 120 KB": (form(120_000), 1),
    "body announced as 10 GB": (announced, 2),
    "body in tiny chunks": (chunks, 2),
    "headers, a byte a second": (drip(b"GET / HTTP/1.1\r\nX: "), 3),
    "body, a byte a second": (
        drip(request("POST", FORM, "Content-Length: 100000").encode()),
        3,
    ),
    "silent connections": (silent, 2),
    "page, again and again": (pages, 1),
    "pings": (frames(text_frame("", opcode=9)), 3),
    "pongs": (frames(text_frame("", opcode=10)), 3),
    "empty fragments": (frames(FRAGMENTS), 3),
    "texts of 4 KB": (frames(big_text(), reads=True), 3),
    "texts of 1 byte": (frames(text_frame("x"), is_plain=True, reads=True), 6),
    "binary frames": (frames(text_frame("x", opcode=2), reads=True), 3),
    "requests for the time": (frames(text_frame('{"type":"ping","t0":1}'), reads=True), 3),
    "connects and leaves": (connects, 1),
}
"""The attacks, each with its number of processes."""


def attack(name: str, port: int, address: str, ready: Semaphore, start: Event) -> None:
    """Say when *ready*, wait for the *start*, and attack until killed."""
    once, _ = ATTACKS[name]
    ready.release()
    start.wait()
    while True:
        with suppress(OSError):
            once(port, address)


async def window(innocents: list[Innocent], seconds: float) -> tuple[float, float]:
    """Return the p99 lateness over *seconds* and the longest silence, in seconds."""
    for one in innocents:
        one.begin()
    await asyncio.sleep(seconds)
    for one in innocents:
        one.end()
    late = sorted(lateness for one in innocents for lateness in one.latenesses)
    p99 = nearest_rank(late, 99) if late else float("inf")
    return p99, max(one.silence for one in innocents)


def resident(server: Program) -> int:
    """Return the memory of the server process in bytes."""
    words = Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()
    return int(words[1]) * 4096


def stored(stack: Stack, server: Program) -> int:
    """Return the bytes of the database and of the server's log."""
    files = [*(stack.folder / "var").glob("db.sqlite3*"), server.output]
    return sum(file.stat().st_size for file in files)


async def measure(stack: Stack, server: Program, names: list[str], options: Any) -> None:
    """Print a line for each attack."""
    crowd = Crowd(stack.port, 0)
    innocents = [Innocent(stack.port, number) for number in range(options.clients)]
    crowd.followers[:] = innocents
    await crowd.start()
    await until(lambda: all(one.offset > RATE for one in innocents))
    await window(innocents, 3)
    context = multiprocessing.get_context("spawn")
    print(f"{'':<26}{'p99, ms':^30}{'longest silence, ms':^30}{'memory':>9}{'disk':>9}")
    print(f"{'':<26}" + f"{'before':>10}{'during':>10}{'after':>10}" * 2 + f"{'MB':>9}{'MB':>9}")
    for name in names:
        ready, start = context.Semaphore(0), context.Event()
        strangers = [
            context.Process(
                target=attack, args=(name, stack.port, f"127.0.0.{number + 2}", ready, start)
            )
            for number in range(ATTACKS[name][1])
        ]
        for one in strangers:
            one.start()
        for _ in strangers:
            await asyncio.to_thread(ready.acquire)
        before = await window(innocents, options.seconds / 2)
        memory, disk = resident(server), stored(stack, server)
        start.set()
        try:
            during = await window(innocents, options.seconds)
        finally:
            for one in strangers:
                one.kill()
                one.join()
        after = await window(innocents, options.seconds / 2)
        windows = before, during, after
        print(
            f"{name:<26}"
            + "".join(f"{p99 * 1000:>10.1f}" for p99, _ in windows)
            + "".join(f"{silence * 1000:>10.0f}" for _, silence in windows)
            + f"{(resident(server) - memory) / 1e6:>9.1f}"
            + f"{(stored(stack, server) - disk) / 1e6:>9.1f}",
            flush=True,
        )
    await crowd.stop()
    print(
        f"{sum(one.missed for one in innocents)} messages missed, "
        f"{sum(one.welcomes - 1 for one in innocents)} reconnects"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of each attack (default: 10)"
    )
    parser.add_argument("--clients", type=int, default=100, help="innocent clients (default: 100)")
    parser.add_argument(
        "--only", action="append", choices=ATTACKS, help="an attack to try; repeat it for more"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            server = stack.server()
            stack.generator("--feed=arrays", f"--rate={RATE}")
            asyncio.run(measure(stack, server, options.only or list(ATTACKS), options))
        finally:
            stack.close()


if __name__ == "__main__":
    main()
