"""Causing a planned fault, and undoing it before returning."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tools.chaos.hosts.plan import DATABASE, GENERATOR, LAYER, Fault, Kind
from tools.chaos.hosts.site import GENERATORS, Site

FLAP_SECONDS = 0.5
"""Time for which a flapping link is down, and then up."""


def cause(site: Site, fault: Fault) -> None:
    """Cause *fault*, and undo it."""
    host = site.generator_at_work() if fault.host == GENERATOR else fault.host
    HANDS[fault.kind](site, host, fault.amount)


def _kill(site: Site, host: str, seconds: float) -> None:
    site.kill(host)
    time.sleep(seconds)
    site.start(host)
    if host in GENERATORS:  # the next fault may hit the other one
        site.programs[host].wait_for("standing by")


def _kill_inside(site: Site, host: str, seconds: float) -> None:
    site.wait_for_transaction(host)
    cable = site.network.hosts[host]
    cable.cut()
    site.kill(host)
    time.sleep(seconds)
    cable.heal()
    site.start(host)


def _restart(site: Site, host: str, _: float) -> None:
    if host == DATABASE:
        site.postgres.restart()
        return
    assert host == LAYER
    site.kill(host)
    site.start_redis()


def _freeze(site: Site, host: str, seconds: float) -> None:
    if host == DATABASE:
        site.postgres.freeze()
    else:
        site.signal(host, signal.SIGSTOP)
    time.sleep(seconds)
    if host == DATABASE:
        site.postgres.thaw()
    else:
        site.signal(host, signal.SIGCONT)


def _cut(site: Site, host: str, seconds: float) -> None:
    site.network.hosts[host].cut()
    time.sleep(seconds)
    site.network.hosts[host].heal()


def _flap(site: Site, host: str, times: float) -> None:
    for _ in range(round(times)):
        _cut(site, host, FLAP_SECONDS)
        time.sleep(FLAP_SECONDS)


def _set_clock(site: Site, host: str, seconds: float) -> None:
    """Set the clock ahead, then behind, then right."""
    for error in (seconds, -seconds, 0):
        site.clocks[host].set(round(error))
        time.sleep(CLOCK_SECONDS if error else 0)


CLOCK_SECONDS = 12.0
"""Time for which a clock is wrong in each direction: longer than a heartbeat."""
HANDS: dict[Kind, Callable[[Site, str, float], None]] = {
    Kind.KILLED: _kill,
    Kind.KILLED_INSIDE: _kill_inside,
    Kind.RESTARTED: _restart,
    Kind.FROZEN: _freeze,
    Kind.CUT: _cut,
    Kind.FLAPPING: _flap,
    Kind.CLOCK: _set_clock,
}
