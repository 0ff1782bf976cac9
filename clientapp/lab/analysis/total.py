"""
The time for the same messages at each block size, to see whether a larger one is faster.

The sizes run side by side, so that every client waits for the same messages.
Each total is the time for a client's first N messages; N is a whole number of
blocks at every size.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .interval import Interval, interval
from .trial import TimedBlock, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The time for N messages at one block size, with one number of clients and rate."""

    rate: float
    clients: int
    feeds: str
    block_size: int
    messages: int
    """The number N of messages."""
    seconds: float
    """From the first to the last of the N messages: mean over clients, then repeats."""
    interval: Interval | None
    in_blocks: float
    """Sum of the block times in seconds, without the waits between blocks."""
    reports: int
    """Blocks of one client, which sends one report for each."""
    ideal: float
    """Seconds if every message arrived when due: mean over clients, then repeats."""


def totals(trials: Iterable[Trial]) -> list[Total]:
    """
    Return the totals of *trials*, ordered by rate, clients and block size.

    There are none for a rate and number of clients with a single block size, or
    if a client has fewer messages than the sizes' least common multiple.
    """
    together: defaultdict[tuple[float, int, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        condition = trial.condition
        together[condition.rate, condition.clients, condition.feeds].append(trial)
    return [total for key in sorted(together) for total in _side_by_side(together[key])]


def most_clients(totals: Sequence[Total]) -> list[Total]:
    """Return those of *totals*, at least one, with the most clients and then the highest rate."""
    key = max((total.clients, total.rate, total.feeds) for total in totals)
    return [total for total in totals if (total.clients, total.rate, total.feeds) == key]


def _side_by_side(trials: Sequence[Trial]) -> list[Total]:
    sizes = sorted({trial.condition.block_size for trial in trials})
    unit = math.lcm(*sizes)
    if len(sizes) < 2:
        return []
    fewest = min(
        len(blocks) * trial.condition.block_size
        for trial in trials
        for blocks in _by_client(trial).values()
    )
    messages = fewest // unit * unit
    if messages == 0:
        return []
    return [
        _total([trial for trial in trials if trial.condition.block_size == size], messages)
        for size in sizes
    ]


def _total(trials: Sequence[Trial], messages: int) -> Total:
    condition = trials[0].condition
    reports = messages // condition.block_size
    elapsed, in_blocks, ideals = [], [], []
    for trial in trials:
        runs = [blocks[:reports] for blocks in _by_client(trial).values()]
        elapsed.append(fmean((run[-1].finished_at - run[0].started_at) / 1_000_000 for run in runs))
        ideals.append(fmean((run[-1].due[1] - run[0].due[0]) / 1_000_000 for run in runs))
        in_blocks.append(fmean(math.fsum(block.seconds for block in run) for run in runs))
    return Total(
        rate=condition.rate,
        clients=condition.clients,
        feeds=condition.feeds,
        block_size=condition.block_size,
        messages=messages,
        seconds=fmean(elapsed),
        interval=interval(elapsed),
        in_blocks=fmean(in_blocks),
        reports=reports,
        ideal=fmean(ideals),
    )


def _by_client(trial: Trial) -> dict[str, list[TimedBlock]]:
    """Return the blocks of each client, in order, up to the first one that is left out."""
    clients: defaultdict[str, list[TimedBlock]] = defaultdict(list)
    for block in sorted(trial.blocks, key=lambda block: block.number):
        run = clients[block.client]
        # After a block that is left out, the total would include its time.
        if not run or run[0].number + len(run) == block.number:
            run.append(block)
    return clients
