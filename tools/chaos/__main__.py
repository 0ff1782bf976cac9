"""
Break everything, in an order derived from the seed, and prove that nothing is lost.

``make chaos MINUTES=30 SEED=1`` runs it. Real processes are killed, frozen and starved
one after the other; after each fault all clients must recover. At the end every log and
every stored report is judged. Exits with 1 if a message is lost, duplicated or altered,
a block is not stored exactly once, or a part does not recover.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.support.guardian import guard
from tools.chaos import disk, powercuts, selftest
from tools.chaos.faults import FAULTS
from tools.chaos.hosts import network
from tools.chaos.hosts import run as hosts
from tools.chaos.installation import CALM_SECONDS, RATE, Installation
from tools.chaos.report import Event, Report
from tools.chaos.truth import find

CLIENTS, FEW = 50, 6
"""Number of clients in a run with many faults, and in one with large faults."""


def main() -> None:
    """Run the faults, judge the logs, and write the report."""
    parser = argparse.ArgumentParser(prog="tools.chaos", description=_summary())
    parser.add_argument(
        "--minutes", type=float, default=1.5, help="length of the run (default: 1.5)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="decides the order of faults (default: 1)"
    )
    parser.add_argument(
        "--clients",
        type=int,
        help=f"number of clients (default: {CLIENTS}; {FEW} with --cuts or --hosts)",
    )
    parser.add_argument(
        "--cuts",
        type=int,
        metavar="N",
        help="cut the power of server and generator N times instead; needs root and loop devices",
    )
    parser.add_argument(
        "--hosts",
        type=int,
        metavar="ROUNDS",
        help="cause faults of hosts and links instead, each once per round; needs root",
    )
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
    # So that disks are unmounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with tempfile.TemporaryDirectory(prefix="blockfeed-chaos-") as folder:
        if options.selftest:
            sys.exit(selftest.run(Path(folder)))
        is_wide = options.cuts is None and options.hosts is None
        clients = options.clients or (CLIENTS if is_wide else FEW)
        report = Report(seed=options.seed, minutes=options.minutes, clients=clients)
        if options.cuts is not None:
            if lacking := disk.missing():
                parser.error(f"cutting the power needs {lacking}")
            powercuts.run(Path(folder), report, options.cuts)
        elif options.hosts is not None:
            if lacking := network.missing():
                parser.error(f"a network of hosts needs {lacking}")
            hosts.run(Path(folder), report, options.hosts)
        else:
            _run(Path(folder), report)
        path = report.write(options.out)
    print(report.summary())
    print(f"report {path}")
    sys.exit(0 if report.is_good and not report.late else 1)


def _run(folder: Path, report: Report) -> None:
    chance = random.Random(report.seed)
    on = Installation(folder, chance, report.clients, RATE)
    try:
        if on.recover()[0] is None:
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
        recovered, last = on.recover()
        report.events.append(
            Event(at=at, fault=name, lasted=lasted, recovered=recovered, last=last)
        )
        print(report.events[-1].line, flush=True)
        if recovered is None:
            stuck = [client.said[-300:] for client in on.clients.values() if client.process.poll()]
            report.troubles += stuck
            return
        time.sleep(chance.uniform(0, 3))


def _summary() -> str:
    assert __doc__ is not None
    return __doc__.strip().partition("\n")[0]


if __name__ == "__main__":
    main()
