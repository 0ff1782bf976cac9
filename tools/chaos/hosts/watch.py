"""Measurements during the faults: acknowledgements, silence, and the statuses of the servers."""

from __future__ import annotations

import json
import re
import threading
import time
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

from tests.support.log_oracle import read_log
from tests.support.stack import Program

LOOK_SECONDS = 0.05
ANSWER_SECONDS = 3.0
"""Time for a server to answer with a page."""
_LINE = re.compile(r"Block (\d+) (received|verified)")


class Acknowledgements:
    """The waits of some clients' blocks for their verdicts, by the clients' output."""

    def __init__(self, programs: dict[str, Program]) -> None:
        """Watch *programs* by name, until `close`."""
        self._streams = {
            name: program.output.open(encoding="utf-8", errors="replace")
            for name, program in programs.items()
        }
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[str, float]] = {name: {} for name in programs}
        self._delays: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        """The time of each verdict, and the time that its block had waited."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def longest(self, name: str, since: float) -> float:
        """Return the longest wait for a verdict of a block that was complete after *since*."""
        now = time.monotonic()
        with self._lock:
            waits = [wait for at, wait in self._delays[name] if at - wait >= since]
            waits += [now - at for at in self._waiting[name].values() if at >= since]
        return max(waits, default=0.0)

    @property
    def waiting(self) -> int:
        """The number of blocks that have no verdict yet."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """End watching."""
        self._over.set()
        self._thread.join()
        for stream in self._streams.values():
            stream.close()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for name, stream in self._streams.items():
                text = stream.read()
                now = time.monotonic()
                with self._lock:
                    for number, what in _LINE.findall(text):
                        if what == "received":
                            self._waiting[name][number] = now
                        elif (at := self._waiting[name].pop(number, None)) is not None:
                            self._delays[name].append((now, now - at))


def silence(logs: list[Path], since: float, until: float) -> float:
    """Return the longest time between two messages of one feed in *logs*, in a span of time."""
    longest = 0.0
    for log in logs:
        stamps: dict[str, list[float]] = {}
        for session in read_log(log):
            for block in session.blocks:
                for stamp, (feed, *_) in zip(block.stamps, block.messages, strict=True):
                    if since <= stamp / 1e6 <= until:
                        stamps.setdefault(feed, []).append(stamp / 1e6)
        for times in stamps.values():
            longest = max([longest, *(b - a for a, b in pairwise(times))])
    return longest


def wrong_statuses(addresses: dict[str, str], clients: int) -> list[str]:
    """Return a sentence for each server whose status is wrong, to be called while all is well."""
    wrong = []
    for server, address in addresses.items():
        try:
            with urlopen(f"http://{address}/status.json", timeout=ANSWER_SECONDS) as page:
                status = json.load(page)
        except (OSError, ValueError) as error:
            wrong.append(f"{server} does not answer: {error}")
            continue
        wrong += [f"{server}: {trouble['text']}" for trouble in status["troubles"]]
        wrong += [
            f"{server}: {feed['sentence']}"
            for feed in status["feeds"]
            if feed["state"] != "running"
        ]
        if status["numbers"]["connected"] != clients:
            wrong.append(f"{server}: {status['numbers']['connected']} of {clients} are connected")
    return wrong
