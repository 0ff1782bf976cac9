"""
The logs of a sweep as trials: the settled blocks between joining and leaving.

A client that connects is behind at first and catches up. Blocks from this time
are shorter than ideal, and do not represent the feed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from ...core.errors import CouldNot
from ...figures.summary import left_out_sentence
from ..analysis.trial import Condition, Trial
from .blockfiles import BlockFile, LoggedSession, left_out, read_blocks
from .logs import OF_BLOCKS
from .plan import Plan, SweepRun, folder_of, read_plan
from .reading import Reading
from .trials import SeenBlock, condition_of, left_out_of, seen_blocks, trial_of

SETTLE_SECONDS = 1.0
"""Wait after the last client has connected, until its welcome no longer delays others."""
SETTLED = (
    f"The figures use only blocks that began at least {SETTLE_SECONDS:g} s after the last client "
    "received its first message, and ended before the first client left."
)


def read_sweep(folder: Path) -> Reading:
    """Return the trials of the sweep in *folder*; raises CouldNot."""
    plan, runs = read_plan(folder)
    trials: list[Trial] = []
    files: list[BlockFile] = []
    everything: list[SeenBlock] = []
    for run in runs:
        logs = sorted((folder / folder_of(run.clients, run.repeat)).glob("*.log"))
        read = [read_blocks(path) for path in logs]
        settled = _settled([session for file in read for session in file.sessions])
        trials += _trials(run, settled)
        everything += settled
        files += read
    out = left_out_of(everything)
    if not trials:
        text = "no block can be used; let the runs last longer (--seconds)"
        raise CouldNot(f"{text}. {left_out_sentence(out)}" if out else text)
    return Reading(
        trials=tuple(trials),
        notes=(SETTLED, OF_BLOCKS, *left_out(files), *_warnings(plan, runs)),
        facts=_facts(plan, runs),
        left_out=out,
        bound=tuple(_bound(plan, runs)),
    )


def _settled(sessions: Sequence[LoggedSession]) -> list[SeenBlock]:
    """Return the settled blocks of a run."""
    logged = [session.blocks for session in sessions if session.blocks]
    if not logged:
        return []
    first = max(blocks[0].report.started_at for blocks in logged) + round(SETTLE_SECONDS * 1e6)
    last = min(blocks[-1].report.finished_at for blocks in logged)
    return [
        seen
        for session in sessions
        for seen in seen_blocks(session)
        if first <= seen.block.report.started_at and seen.block.report.finished_at <= last
    ]


def _trials(run: SweepRun, settled: Sequence[SeenBlock]) -> Iterator[Trial]:
    """Yield the trials of a run, one per condition that has timed blocks."""
    together: defaultdict[Condition, list[SeenBlock]] = defaultdict(list)
    for seen in settled:
        together[condition_of(seen, run.clients)].append(seen)
    for condition in sorted(together):
        if found := trial_of(condition, run.repeat, together[condition]):
            yield found


def _facts(plan: Plan, runs: Sequence[SweepRun]) -> dict[str, str]:
    """Return the manifest entries of a sweep, under names that distinguish sweeps."""
    at = f"at {plan.rate:g} messages/s"
    load = _by_clients(runs, [run.load for run in runs])
    servers = [run.server for run in runs if run.server is not None]
    is_known = len(servers) == len(runs)
    return {
        f"sweep {at}": f"feed {plan.feed} of {plan.url}, {plan.repeats} repeats of "
        f"{plan.seconds:g} s, seed of their order {plan.seed}",
        f"load side {at}": _cores(load),
        f"server {at}": _cores(_by_clients(runs, servers))
        if is_known
        else "processor time not known (--server-pid)",
    }


def _warnings(plan: Plan, runs: Sequence[SweepRun]) -> Iterator[str]:
    at = f"At {plan.rate:g} messages/s"
    if failed := [run for run in runs if run.failed]:
        yield (
            f"{at}, clients that failed: "
            f"{sum(run.failed for run in failed)}, in {len(failed)} of {len(runs)} runs; "
            f"the first: {failed[0].why}"
        )
    if left := sum(run.unacknowledged for run in runs):
        yield f"{at}, reports not acknowledged before their clients left: {left}"


def _bound(plan: Plan, runs: Sequence[SweepRun]) -> Iterator[str]:
    if bound := [run for run in runs if run.bound]:
        clients = ", ".join(map(str, sorted({run.clients for run in bound})))
        yield f"at {plan.rate:g} messages/s with {clients} clients {bound[0].bound}"


def _by_clients(runs: Sequence[SweepRun], cores: Sequence[float]) -> dict[int, float]:
    together: defaultdict[int, list[float]] = defaultdict(list)
    for run, used in zip(runs, cores, strict=True):
        together[run.clients].append(used)
    return {clients: fmean(together[clients]) for clients in sorted(together)}


def _cores(cores: Mapping[int, float]) -> str:
    return ", ".join(f"{used:.2f} cores with {clients}" for clients, used in cores.items()) + (
        " clients"
    )
