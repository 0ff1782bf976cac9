"""
Faults of hosts and of the network between them.

After each repair, every client must continue, and both servers must show the true state. At the
end every log and every stored report is checked, as in a run on one host.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from tools.chaos.hosts import hands
from tools.chaos.hosts.plan import SERVERS, Fault, healthy, plan
from tools.chaos.hosts.site import PORT, Site
from tools.chaos.hosts.watch import Acknowledgements, silence, wrong_statuses
from tools.chaos.installation import CALM_SECONDS
from tools.chaos.report import Event, Report
from tools.chaos.truth import find

ACKNOWLEDGED, SILENT, TRUE = "acknowledgement", "silence", "status"
LIMITS = {ACKNOWLEDGED: 5.0, SILENT: 3.0, TRUE: 15.0}
"""Seconds: of a healthy server's acknowledgement; of silence after a generator's death; and from
a repair until both servers show the true state."""
PATIENCE_SECONDS = 120.0
"""Time after which a status counts as wrong for good."""
AFTER_SECONDS = 5.0
"""Time after a repair in which a silence is attributed to its fault."""
SETTLED = 10
"""Blocks of both probes together without a verdict, in normal operation: the probes complete ten
blocks per second, and a commit takes less than a second."""
DEADLOCK = "deadlock detected"


def run(folder: Path, report: Report, rounds: int) -> None:
    """Cause every fault in each round, and judge; add the results to *report*."""
    chance = random.Random(report.seed)
    started = time.monotonic()
    site = Site(folder, chance, report.clients)
    report.clients = len(site.names)
    try:
        acknowledgements = Acknowledgements(
            {server: site.clients[name] for server, name in site.probes.items()}
        )
        spans: list[tuple[Event, float, float]] = []
        try:
            if site.recover()[0] is None:
                report.troubles.append("the clients did not start")
            for fault in plan(chance, rounds):
                _settle(acknowledgements)
                began = time.time()
                event = _cause(site, fault, acknowledgements, report, started)
                report.events.append(event)
                spans.append((event, began, time.time() + AFTER_SECONDS))
                print(event.line, flush=True)
                if event.recovered is None:
                    break
        finally:
            acknowledgements.close()
        time.sleep(CALM_SECONDS)
        report.troubles += site.stop_clients()
        url = site.postgres.url()
        report.findings += find(folder, site.names, database=url)
        _measure_silences(site, report, spans)
        if count := site.postgres.said.count(DEADLOCK):
            report.troubles.append(f"PostgreSQL met {count} deadlocks")
        report.troubles += [f"there is a traceback in {name}" for name in site.tracebacks()]
        report.minutes = round((time.monotonic() - started) / 60, 1)
    finally:
        site.close()


def _settle(acknowledgements: Acknowledgements) -> None:
    """Wait until a probe that catches up after the last fault has its verdicts."""
    end = time.monotonic() + PATIENCE_SECONDS
    while acknowledgements.waiting > SETTLED and time.monotonic() < end:
        time.sleep(0.1)


def _cause(
    site: Site, fault: Fault, acknowledgements: Acknowledgements, report: Report, started: float
) -> Event:
    began = time.monotonic()
    hands.cause(site, fault)
    repaired = time.monotonic()
    recovered, last = site.recover()
    addresses = {server: f"{site.address(server)}:{PORT}" for server in SERVERS}
    while wrong := wrong_statuses(addresses, report.clients):
        if time.monotonic() - repaired > PATIENCE_SECONDS:
            report.troubles += [f"{fault.name}: {sentence}" for sentence in wrong]
            break
        time.sleep(0.2)
    measured = {TRUE: time.monotonic() - repaired}
    waits = [acknowledgements.longest(server, began) for server in healthy(fault)]
    if waits:
        measured[ACKNOWLEDGED] = max(waits)
    for name, seconds in measured.items():
        if seconds > LIMITS[name]:
            report.late.append(f"{fault.name}: {name} after {seconds:.1f} s")
    return Event(
        at=began - started,
        fault=fault.name,
        lasted=repaired - began,
        recovered=recovered,
        last=last,
        measured=measured,
    )


def _measure_silences(site: Site, report: Report, spans: list[tuple[Event, float, float]]) -> None:
    """Add to each event of a generator how long the clients received nothing."""
    logs = [site.stack.log(name) for name in site.names]
    for event, began, ended in spans:
        if event.fault.startswith("generator"):
            event.measured[SILENT] = seconds = silence(logs, began, ended)
            if seconds > LIMITS[SILENT]:
                report.late.append(f"{event.fault}: {SILENT} of {seconds:.1f} s")
