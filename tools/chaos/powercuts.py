"""
Power cuts: the disk of server and generator loses all data that was not synced.

The clients stand for other computers: their logs are on another disk, and they keep running. So
they show which messages were sent, and which reports acknowledged, before a cut.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.guardian import with_descendants
from tools.chaos.disk import Disk
from tools.chaos.installation import CALM_SECONDS, Installation
from tools.chaos.report import Event, Report
from tools.chaos.truth import find

FAULT = "power cut"
RATE = 30
"""Messages per second and feed: cuts hit promises and commits at any rate."""
_VERDICT = re.compile(rb"^=== verdict of block (\d+): (\w+)", re.MULTILINE)
STORED = (
    "SELECT number FROM feeds_blockreport r JOIN feeds_clientsession s ON s.id = r.session_id"
    " WHERE s.client = ?"
)


def plan(chance: random.Random, cuts: int) -> Iterator[float]:
    """Choose the seconds of undisturbed work before each of *cuts*."""
    return (chance.uniform(0.2, 3) for _ in range(cuts))


def run(folder: Path, report: Report, cuts: int) -> None:
    """Cut the power, restart everything, and judge; add the results to *report*."""
    chance = random.Random(report.seed)
    started = time.monotonic()
    disk = Disk(folder / "disk", folder / "var")
    try:
        on = Installation(folder, chance, report.clients, RATE)
        try:
            disk.sync()
            _do_cuts(on, disk, report, list(plan(chance, cuts)))
            time.sleep(CALM_SECONDS)
            report.troubles += on.stop_clients()
            report.findings += find(folder, on.names)
            report.troubles += [f"there is a traceback in {name}" for name in on.tracebacks()]
            report.minutes = round((time.monotonic() - started) / 60, 1)
        finally:
            on.close()
    finally:
        disk.close()


def _do_cuts(on: Installation, disk: Disk, report: Report, cuts: list[float]) -> None:
    started = time.monotonic()
    if on.recover()[0] is None:
        report.troubles.append("the clients did not start")
        return
    for number, work_seconds in enumerate(cuts, 1):
        time.sleep(work_seconds)
        at = time.monotonic() - started
        # All programs stop before the cut. Otherwise the kernel could report success for an fsync
        # that the cut interrupted.
        _signal(on, signal.SIGSTOP)
        disk.cut()
        _signal(on, signal.SIGKILL)
        for program in (on.server, on.generator):
            program.process.wait()
        acknowledged = {name: verdicts(on.stack.log(name).read_bytes()) for name in on.names}
        disk.unmount()
        disk.mount()
        on.start_server()
        on.start_generator()
        lasted = time.monotonic() - started - at
        recovered, last = on.recover()
        report.events.append(
            Event(at=at, fault=FAULT, lasted=lasted, recovered=recovered, last=last)
        )
        lost = _lost(on, acknowledged)
        report.troubles += lost
        after = "never" if recovered is None else f"after {recovered:.1f} s"
        count = sum(map(len, acknowledged.values()))
        print(
            f"{at:6.0f} s  cut {number} of {len(cuts)}, recovered {after}, {last} last; "
            f"{count - len(lost)} of {count} acknowledged reports are stored",
            flush=True,
        )
        if recovered is None:
            return


def _signal(on: Installation, number: int) -> None:
    """Send a signal to all processes of server and generator."""
    programs = (on.server, on.generator)
    for pid in with_descendants([program.process.pid for program in programs]):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def verdicts(log: bytes) -> dict[int, str]:
    """Return the verdicts in a block log, by block: each block in it was acknowledged."""
    return {int(number): verdict.decode() for number, verdict in _VERDICT.findall(log)}


def _lost(on: Installation, acknowledged: dict[str, dict[int, str]]) -> list[str]:
    """Return a sentence for each report that is acknowledged, but not stored or not verified."""
    troubles = []
    for name, found in acknowledged.items():
        stored = {number for (number,) in on.rows(STORED, name)}
        for number, verdict in found.items():
            if number not in stored:
                troubles.append(f"{name}: the acknowledged report {number} is not stored")
            elif verdict != "verified":
                troubles.append(f"{name}: block {number} is {verdict}")
    return troubles
