"""
Fuzzed frames and requests, sent to a server beside an innocent client.

Run from the checkout: ``python -m benchmarks.fuzzing --frames 1000000 --requests 100000``. Random
and nearly valid bytes are sent over raw sockets. Ends with 1, and says why, if a request gets a
5xx, if the server prints a traceback, or if the innocent client misses a message or a verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
django.setup()  # the sources of feeds need it; their records make good and bad reports

from tests.support.judge import judge  # noqa: E402
from tests.support.nonsense import Nonsense  # noqa: E402
from tests.support.raw_client import upgrade  # noqa: E402
from tests.support.rfc6455 import CONTINUATION, TEXT, masked  # noqa: E402
from tests.support.stack import Stack  # noqa: E402

HOST = "127.0.0.1"
SENDERS = 8
"""Connections at once, of each kind."""
BURST = 50
"""Frames in one write."""
ANSWER_SECONDS = 0.2
"""A complete request is answered in this time; an incomplete one is given up then."""
CLOSE_FRAME = 0x88
"""The first byte of a close frame."""
END_SECONDS = 5.0
"""Time for the server to end a connection whose frames are wrong."""


class FrameFuzzer:
    """Frames that are mostly valid, so that some of each connection are read."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._nonsense = Nonsense(seed)

    def frame(self) -> bytes:
        """Return one frame."""
        pick = self._random
        kind = pick.randrange(1000)
        if kind == 0:
            return pick.randbytes(pick.randrange(1, 40))
        if kind == 1:
            sent = bytearray(masked(TEXT, pick.randbytes(pick.randrange(60))))
            sent[pick.randrange(len(sent))] ^= 1 << pick.randrange(8)
            return bytes(sent)
        if kind == 2:
            opcode, reserved = pick.randrange(16), pick.choice([0, 0, 1, 4, 7])
            return masked(opcode, pick.randbytes(3), reserved=reserved, last=pick.random() < 0.5)
        if kind < 200:
            return masked(pick.choice([9, 10]), pick.randbytes(pick.randrange(126)))
        if kind < 400:
            text = self._nonsense.text().encode("utf-8", "replace")
            cut = pick.randrange(len(text) + 1)
            head = masked(TEXT, text[:cut], last=False)
            return head + masked(CONTINUATION, text[cut:])
        content = self._nonsense.frame()
        opcode = 1 if isinstance(content, str) else 2
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        return masked(opcode, data[:2000], mask=pick.randbytes(4))


async def send_frames(port: int, seed: int, count: int, ends: Counter[int]) -> None:
    """Send *count* frames, over as many connections as needed; count the close codes."""
    fuzzer = FrameFuzzer(seed)
    while count > 0:
        reader, writer = await asyncio.open_connection(HOST, port)
        heard = asyncio.ensure_future(_last_code(reader))
        writer.write(upgrade("client=fuzz&feed=arrays", is_plain=seed % 2 == 0))
        try:
            while count > 0 and not heard.done():
                writer.write(b"".join(fuzzer.frame() for _ in range(BURST)))
                count -= BURST
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            async with asyncio.timeout(END_SECONDS):
                ends[await heard] += 1
        except TimeoutError:
            ends[-1] += 1
        except OSError:
            ends[0] += 1
        finally:
            heard.cancel()
            writer.transport.abort()


async def _last_code(reader: asyncio.StreamReader) -> int:
    """Return the code of the server's close frame; 0 if there was none."""
    tail = b""
    try:
        while more := await reader.read(2**16):
            tail = (tail + more)[-127:]
    except OSError:
        return 0
    for at in range(len(tail) - 4, -1, -1):
        if tail[at] == CLOSE_FRAME and at + 2 + tail[at + 1] == len(tail):
            return int.from_bytes(tail[at + 2 : at + 4], "big")
    return 0


async def send_requests(port: int, seed: int, count: int, answers: Counter[str]) -> list[bytes]:
    """Send *count* requests; count the status codes; return the requests that got a 5xx."""
    nonsense, failed = Nonsense(seed), []
    for _ in range(count):
        request = nonsense.request()
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            answers["refused"] += 1
            continue
        try:
            writer.write(request)
            async with asyncio.timeout(ANSWER_SECONDS):
                code = (await reader.readline())[9:12].decode("latin-1")
            answers[code or "closed"] += 1
            if code.startswith("5"):
                failed.append(request)
        except (OSError, TimeoutError):
            answers["none"] += 1
        finally:
            writer.transport.abort()
    return failed


async def fuzz(port: int, seed: int, frames: int, requests: int) -> list[bytes]:
    """Send everything; return the requests that got a 5xx."""
    ends: Counter[int] = Counter()
    answers: Counter[str] = Counter()
    began = time.monotonic()
    each = range(seed, seed + SENDERS)
    found, _ = await asyncio.gather(
        asyncio.gather(*(send_requests(port, n, requests // SENDERS, answers) for n in each)),
        asyncio.gather(*(send_frames(port, n, frames // SENDERS, ends) for n in each)),
    )
    print(f"{time.monotonic() - began:.0f} s")
    print("close codes (0: none, -1: still open):", dict(sorted(ends.items())))
    print("status codes:", dict(sorted(answers.items())), flush=True)
    return [request for failed in found for request in failed]


def run(folder: Path, seed: int, frames: int, requests: int) -> list[str]:
    """Fuzz a server; return the failures."""
    stack = Stack(folder)
    try:
        server = stack.server()
        stack.generator("--feed=arrays", "--rate=20")
        innocent = stack.client("innocent", "--feed=arrays", "--block-size=10")
        innocent.wait_for("Block 1 verified")
        failed = asyncio.run(fuzz(stack.port, seed, frames, requests))
        wrong = [f"a 5xx for {request[:200]!r}" for request in failed]
        before = innocent.said.count(" verified")
        innocent.wait_for(f"Block {before + 1} verified")
        code = innocent.stop()
        if code != 0:
            wrong.append(f"the innocent client ended with {code}:\n{innocent.said[-2000:]}")
        judge(stack.log("innocent"))
        server.stop()
        if "Traceback" in server.said or "Exception" in server.said:
            wrong.append(f"the server printed an error:\n{server.said[-4000:]}")
        print(f"{before + 1} blocks of the innocent client verified")
        return wrong
    finally:
        stack.close()


def main() -> None:
    """Fuzz, and print the failures."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--frames", type=int, default=20_000, help="frames (default: 20,000)")
    parser.add_argument("--requests", type=int, default=2_000, help="requests (default: 2,000)")
    parser.add_argument("--seed", type=int, default=1, help="what makes them (default: 1)")
    parser.add_argument("--seconds", type=float, help="ignored; `make bench` gives it to all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = run(Path(folder), options.seed, options.frames, options.requests)
    print("\n".join(wrong) or "nothing went wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
