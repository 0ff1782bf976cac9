"""Logged blocks as trials: selected and grouped by condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...figures.measured import LatencySeen, Measured, Reason, label_of
from ...figures.summary import latency_of
from ...log.blockcheck import ScannedBlock
from ...wire.names import key_prefix
from ..analysis.trial import Condition, LatencyFigures, TimedBlock, Trial
from .blockfiles import LoggedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBlock:
    """A block of a log, in the form that figures use."""

    client: str
    """A name that distinguishes the sessions of a log; not secret."""
    block: ScannedBlock
    measured: Measured


def seen_blocks(session: LoggedSession) -> Iterator[SeenBlock]:
    """Yield the blocks of *session*."""
    feeds = session.asked.feeds
    client = f"{session.asked.client} {key_prefix(session.asked.session)}"
    for block in session.blocks:
        report, due = block.report, block.header.due
        latency = report.latency
        yield SeenBlock(
            client=client,
            block=block,
            measured=Measured(
                rates=label_of(feeds, block.header.rates),
                size=report.size,
                seconds=report.seconds,
                ideal=None if due is None else (due[1] - due[0]) / 1_000_000,
                verdict=session.verdicts.get(report.block, ""),
                interrupted=report.interrupted,
                plain=False,
                latency=None
                if report.clock is None
                else LatencySeen(latency.p50, latency.p99, latency.max),
            ),
        )


def condition_of(seen: SeenBlock, clients: int) -> Condition:
    """Return the condition of a block collected while *clients* clients were connected."""
    rates = seen.block.header.rates.values()
    return Condition(
        rate=0.0 if None in rates else sum(rate for rate in rates if rate is not None),
        clients=clients,
        block_size=seen.block.report.size,
        feeds=seen.measured.rates,
    )


def trial_of(condition: Condition, repeat: int, seen: Sequence[SeenBlock]) -> Trial | None:
    """Return the trial of the blocks *seen*; None if no block can be timed."""
    reasons = [(one, one.measured.left_out) for one in seen]
    timed = [one for one, reason in reasons if reason is None]
    if not timed:
        return None
    # Messages are lost in broken blocks, so these count here.
    judged = [one.block for one in seen if one.measured.verdict]
    parts = [part for block in judged for part in block.report.feeds.values()]
    received = sum(part.count for part in parts)
    return Trial(
        condition=condition,
        repeat=repeat,
        blocks=tuple(_timed_block(one) for one in timed),
        left_out=Counter(reason for _, reason in reasons if reason is not None),
        received=received,
        expected=received + sum(block.gaps for block in judged),
        duplicates=sum(part.duplicates for part in parts),
        latency=_latency(timed),
    )


def left_out_of(seen: Sequence[SeenBlock]) -> Counter[Reason]:
    """Return the number of *seen* blocks that are left out, by reason."""
    reasons = (one.measured.left_out for one in seen)
    return Counter(reason for reason in reasons if reason is not None)


def _timed_block(seen: SeenBlock) -> TimedBlock:
    report, due = seen.block.report, seen.block.header.due
    assert due is not None
    return TimedBlock(
        client=seen.client,
        number=report.block,
        seconds=report.seconds,
        started_at=report.started_at,
        finished_at=report.finished_at,
        due=due,
    )


def _latency(timed: Sequence[SeenBlock]) -> LatencyFigures | None:
    known = [one for one in timed if one.measured.latency is not None]
    found = latency_of([one.measured.latency for one in known if one.measured.latency is not None])
    if found is None:
        return None
    errors = [one.block.report.clock.error for one in known if one.block.report.clock is not None]
    return LatencyFigures(p50=found.p50, p99=found.p99, max=found.max, clock_error=max(errors))
