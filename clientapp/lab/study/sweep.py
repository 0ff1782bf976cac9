"""
A sweep: the same measurement with several numbers of clients, each repeated.

Each run is a swarm. Its parts are the block sizes, side by side, so that all of
them see the same feed on the same machine under the same load.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from statistics import fmean

from ...core.errors import CouldNot
from ..swarm import swarmplan
from ..swarm.capacity import processes_for
from ..swarm.outcome import Outcome
from ..swarm.probe import Probe
from ..swarm.status import whole
from ..swarm.swarm import Swarm
from ..swarm.swarmplan import JOIN_PER_SECOND, Part, Role, Stage
from .plan import Plan, SweepRun, folder_of, write_sweep
from .settled import SETTLE_SECONDS


def sweep(plan: Plan, folder: Path, server: int | None) -> None:
    """
    Do all runs of *plan* with logs in *folder*; raises CouldNot and Refused.

    *server* is the server's process on this machine, to measure its processor time.
    """
    runs = plan.runs()
    done: list[SweepRun] = []
    for number, (clients, repeat) in enumerate(runs, 1):
        print(f"run {number} of {len(runs)}: {clients} clients, repeat {repeat}", flush=True)
        logs = folder / folder_of(clients, repeat)
        _empty(logs)
        outcome = asyncio.run(_swarm(plan, roles(plan, clients), logs, server))
        outcome.require_anybody()
        done.append(run_of(clients, repeat, outcome))
        write_sweep(folder, plan, done)


def roles(plan: Plan, clients: int) -> tuple[Role, ...]:
    """
    Return the roles of the *clients* of a run; the block sizes alternate.

    All stay for `Plan.seconds` once the last one has settled, and then for the time of
    one block of the largest size, because the last block of each client stays
    unfinished.
    """
    joining = (clients - 1) / JOIN_PER_SECOND
    unfinished = max(plan.block_sizes) / plan.rate
    stage = Stage(clients, joining + SETTLE_SECONDS + plan.seconds + unfinished)
    parts = [Part((plan.feed,), size) for size in plan.block_sizes]
    return swarmplan.plan(parts, [stage], random.Random(plan.seed).random)


def run_of(clients: int, repeat: int, outcome: Outcome) -> SweepRun:
    """Return the record of a run with this *outcome*."""
    return SweepRun(
        clients=clients,
        repeat=repeat,
        load=sum(fmean(load.processor) for load in outcome.loads if load.processor),
        server=fmean(outcome.server) if outcome.server else None,
        bound=outcome.why_bound or "",
        failed=len(outcome.failures),
        why=outcome.failures[0] if outcome.failures else "",
        unacknowledged=whole(outcome.parts.values()).unacknowledged,
    )


async def _swarm(plan: Plan, roles: tuple[Role, ...], logs: Path, server: int | None) -> Outcome:
    rates = await Probe(plan.url, (plan.feed,)).rates()
    swarm = Swarm(
        roles,
        url=plan.url,
        label=f"sweep {logs.name}",
        processes=processes_for(roles, rates, os.cpu_count() or 1),
        logs=logs,
        server=server,
    )
    return await swarm.run()


def _empty(logs: Path) -> None:
    """Create the folder without old logs, whose sessions clients would resume."""
    try:
        logs.mkdir(parents=True, exist_ok=True)
        for old in logs.glob("*.log"):
            old.unlink()
    except OSError as error:
        raise CouldNot(f"the logs cannot be written to {logs}: {error.strerror}") from None
