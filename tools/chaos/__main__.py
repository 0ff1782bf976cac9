"""
Break everything, in an order decided by the seed, and prove that nothing is lost.

``make chaos MINUTES=30 SEED=1`` runs it. Real processes are killed, frozen and starved
one after the other; after each fault all clients must recover. At the end every log and
every stored report is judged. Exits with 1 if a message is lost, duplicated or altered,
a block is not stored exactly once, or a part does not recover.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.support.guardian import guard
from tools.chaos import selftest
from tools.chaos.faults import FAULTS
from tools.chaos.installation import Installation
from tools.chaos.report import Event, Report
from tools.chaos.truth import find

CALM_SECONDS = 5.0
"""Pause before the clients leave, so that their last reports are acknowledged."""
RECOVERY_SECONDS = 90.0
"""Time without a new block after which a client counts as stuck."""
RATE = 90
"""Messages per second and feed: 10 million in half an hour, despite the outages."""


def main() -> None:
    """Run the faults, judge the logs, and write the report."""
    parser = argparse.ArgumentParser(prog="tools.chaos", description=_summary())
    parser.add_argument(
        "--minutes", type=float, default=1.5, help="length of the run (default: 1.5)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="decides the order of faults (default: 1)"
    )
    parser.add_argument("--clients", type=int, default=50, help="number of clients (default: 50)")
    parser.add_argument(
        "--out", type=Path, default=Path("var/chaos"), help="folder of the report (var/chaos)"
    )
    parser.add_argument(
        "--selftest",
        action="store_true",
        help="only test the check: damage good logs and reports, and fail if damage is not noticed",
    )
    options = parser.parse_args()
    guard()
    with tempfile.TemporaryDirectory(prefix="blockfeed-chaos-") as folder:
        if options.selftest:
            sys.exit(selftest.run(Path(folder)))
        report = Report(seed=options.seed, minutes=options.minutes, clients=options.clients)
        _run(Path(folder), report)
        path = report.write(options.out)
    print(report.summary())
    print(f"report {path}")
    sys.exit(0 if report.is_good else 1)


def _run(folder: Path, report: Report) -> None:
    chance = random.Random(report.seed)
    on = Installation(folder, chance, report.clients, RATE)
    try:
        if _recover(on)[0] is None:
            report.troubles.append("the clients did not start")
        _do_faults(on, report, chance)
        time.sleep(CALM_SECONDS)
        report.troubles += on.stop_clients()
        report.findings += find(folder, on.names)
        report.troubles += [f"there is a traceback in {name}" for name in on.tracebacks()]
    finally:
        on.close()


def _do_faults(on: Installation, report: Report, chance: random.Random) -> None:
    """Cause one fault after the other, in rounds: each fault once, each kill twice."""
    started = time.monotonic()
    deck: list[str] = []
    while (at := time.monotonic() - started) < report.minutes * 60:
        if not deck:
            deck = [*FAULTS, *(name for name in FAULTS if name.endswith("killed"))]
            chance.shuffle(deck)
        name = deck.pop()
        try:
            FAULTS[name](on, chance)
        except Exception as error:  # noqa: BLE001  any error makes the run fail
            report.troubles.append(f"{name}: {type(error).__name__}: {error}"[:2000])
            return
        lasted = time.monotonic() - started - at
        recovered, last = _recover(on)
        report.events.append(
            Event(at=at, fault=name, lasted=lasted, recovered=recovered, last=last)
        )
        after = "never" if recovered is None else f"after {recovered:.1f} s"
        print(f"{at:6.0f} s  {name} for {lasted:.1f} s, recovered {after}, {last} last", flush=True)
        if recovered is None:
            stuck = [client.said[-300:] for client in on.clients.values() if client.process.poll()]
            report.troubles += stuck
            return
        time.sleep(chance.uniform(0, 3))


def _recover(on: Installation) -> tuple[float | None, str]:
    """Wait until every client has written more; return the time (None: never) and the last one."""
    started = time.monotonic()
    before = on.sizes()
    last = ""
    while (passed := time.monotonic() - started) < RECOVERY_SECONDS:
        now = on.sizes()
        waiting = [name for name, size in before.items() if now[name] <= size]
        if not waiting:
            return passed, last
        last = waiting[-1]
        time.sleep(0.05)
    return None, last


def _summary() -> str:
    assert __doc__ is not None
    return __doc__.strip().partition("\n")[0]


if __name__ == "__main__":
    main()
