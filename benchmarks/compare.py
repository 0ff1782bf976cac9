"""
A comparison of Blockfeed with the servers that could replace it, in one run.

Run from the checkout: ``python -m benchmarks.compare --seconds 5``. A load client
in C checks every offset of every client. A loop of send(2) in C is the limit with
which all are compared. Each window starts a new server on its own core, and the
servers take turns. Peers are installed into ``build/bench``. Writes
``benchmarks/results/latest.json``, the tables of ``docs/explanation/performance.md`` and its chart.

Windows under half a second are a smoke run: the limit and Blockfeed, a few clients,
nothing installed and nothing written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.comparison import building, tables
from benchmarks.comparison.building import CHECKOUT, HERE, MissingError
from benchmarks.comparison.contestants import Contestant, everyone
from benchmarks.comparison.figures import LIMIT, Figure, Window, summarize
from benchmarks.comparison.modes import MODES, SMOKE, SMOKE_SECONDS, Mode
from benchmarks.comparison.race import Cores, FailedError, Race

RESULTS = CHECKOUT / "benchmarks" / "results" / "latest.json"
PAGE = CHECKOUT / "docs" / "explanation" / "performance.md"
CHART = CHECKOUT / "docs" / "images" / "fanout.svg"
QUICK = ("uWebSockets (socketify)", "picows", "websockets broadcast", "Channels, pub/sub layer")
"""The peers of a quick run: the fastest one, and plain Channels."""
SPARE_FILES = 200
"""Open files of a server or a load client besides its connections."""


class Comparison:
    """One run over some modes and contestants."""

    def __init__(self, load: Path, seconds: float, rounds: int) -> None:
        cores = Cores.split()
        os.sched_setaffinity(0, cores.others)
        self._race = Race(load, cores, seconds)
        self._rounds = rounds

    def run(self, mode: Mode, contestants: Iterable[Contestant]) -> tuple[list[Figure], list[str]]:
        """Return the figures of *mode*, and a sentence for each window that failed."""
        windows: dict[str, list[Window]] = {}
        failures: list[str] = []
        taking_part = [one for one in contestants if mode.is_for_all or not is_peer(one)]
        print(mode.title, flush=True)
        for _ in range(self._rounds):
            for one in taking_part:
                limit = windows[LIMIT][-1].per_second if windows else 0.0
                try:
                    window = self._race.window(one, mode, limit)
                except FailedError as failed:
                    failures.append(f"{one.name}: {failed}")
                    print(f"  {failures[-1]}", flush=True)
                    continue
                windows.setdefault(one.name, []).append(window)
                late = "" if window.p99_ms is None else f", p99 {window.p99_ms:.1f} ms"
                print(f"  {one.name:<26} {window.per_second:>12,.0f}/s{late}", flush=True)
        return summarize(mode, windows), failures


def is_peer(contestant: Contestant) -> bool:
    """Tell whether this is neither the limit nor Blockfeed."""
    return contestant.name not in (LIMIT, "blockfeed")


def installed(contestants: Iterable[Contestant]) -> list[Contestant]:
    """Install the contestants; return the available ones."""
    there = []
    for one in contestants:
        try:
            one.install()
        except MissingError as missing:
            print(f"{one.name} is left out: {missing}", flush=True)
        else:
            there.append(one)
    return there


def possible(modes: Iterable[Mode]) -> list[Mode]:
    """Raise the limit of open files; return the modes that fit within it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    room = []
    for mode in modes:
        if most == resource.RLIM_INFINITY or mode.clients + SPARE_FILES <= most:
            room.append(mode)
        else:
            print(f"left out: {mode.title}; a process may open {most} files", flush=True)
    return room


def write(
    found: Sequence[tuple[Mode, list[Figure], list[str]]],
    contestants: Sequence[Contestant],
    about: str,
) -> None:
    """Write the results, the chart and the tables."""
    RESULTS.parent.mkdir(exist_ok=True)
    objects = [figure.write() for _, figures, _ in found for figure in figures]
    RESULTS.write_text(json.dumps(objects, indent=1) + "\n", encoding="utf-8")
    parts = ["## Figures", about]
    try:
        building.install_packages(("matplotlib",))
    except MissingError as missing:
        print(f"no chart: {missing}")
    else:
        subprocess.run([building.PYTHON, HERE / "chart.py", RESULTS, CHART], check=True)
        parts.append(f"![What each server delivers to 1,000 clients](../images/{CHART.name})")
    parts += [tables.mode_table(mode, figures, failures) for mode, figures, failures in found]
    parts.append(tables.roster_table([(one.name, one.versions, one.shown) for one in contestants]))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(tables.splice(page, "\n\n".join(parts)), encoding="utf-8")


def describe(seconds: float, rounds: int) -> str:
    """Return a sentence about the machine and the method."""
    return (
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime())} on {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}: medians "
        f"of {rounds} windows of {seconds:g} s, taken in turns; ± is half the distance from the "
        "lowest to the highest."
    )


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="seconds of each window (default: 5)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="windows of each server (default: 3)")
    parser.add_argument(
        "--quick", action="store_true", help="1,000 clients and few peers; nothing is written"
    )
    parser.add_argument(
        "--mode",
        action="append",
        choices=sorted({mode.name for mode in MODES}),
        help="a mode to run; repeat it for more (default: all); nothing is written",
    )
    options = parser.parse_args()
    is_smoke = options.seconds < SMOKE_SECONDS
    try:
        load, limit = building.compiled("load"), building.compiled("limit")
    except MissingError as missing:
        print(f"the comparison is skipped: {missing}")
        return
    contestants, modes = everyone(limit), list(MODES)
    if is_smoke:
        contestants, modes = [one for one in contestants if not is_peer(one)], list(SMOKE)
    elif options.quick:
        contestants = [one for one in contestants if not is_peer(one) or one.name in QUICK]
        modes = [mode for mode in MODES if mode.is_for_all and mode.clients == 1000]
    if options.mode:
        modes = [mode for mode in modes if mode.name in options.mode]
    contestants = installed(contestants)
    comparison = Comparison(load, options.seconds, 1 if is_smoke else options.rounds)
    found = []
    for mode in possible(modes):
        figures, failures = comparison.run(mode, contestants)
        print(tables.mode_table(mode, figures, failures), flush=True)
        found.append((mode, figures, failures))
    if not (is_smoke or options.quick or options.mode):
        write(found, contestants, describe(options.seconds, options.rounds))


if __name__ == "__main__":
    main()
