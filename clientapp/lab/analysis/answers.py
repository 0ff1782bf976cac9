"""The answers of a study, as sentences with its figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ...core.counted import counted
from ...figures.summary import POINT_BLOCKS
from .cell import Cell
from .fit import NoFit
from .study import Study
from .total import most_clients
from .trial import Condition

NO_DIFFERENCE = 0.01
"""Totals within this share of each other count as the same."""


def answers(study: Study) -> list[str]:
    """Return the answers to measured questions, the most common question first."""
    return [
        *_block_size(study),
        *_clients(study),
        *_total(study),
        *_fits(study),
        *_reach(study.cells),
    ]


def _block_size(study: Study) -> Iterator[str]:
    timed = [cell for cell in study.cells if cell.condition.block_size > 1]
    if not timed:
        return
    # The mean of a few blocks says little, such as of one around a change of rate.
    steady = [cell for cell in timed if cell.seconds.count >= POINT_BLOCKS]
    worst = max(steady or timed, key=lambda cell: abs(cell.overhead))
    condition = worst.condition
    share = f" ({abs(worst.overhead) / worst.ideal:.2%} off)" if worst.ideal else ""
    yield (
        f"Block size: the mean block time was at most {_seconds(abs(worst.overhead))} "
        f"away from the ideal. The largest difference was at "
        f"{counted(condition.clients, 'client')} with blocks of {_blocks(condition)}: "
        f"{worst.mean:.4f} s, ideal {worst.ideal:.4f} s{share}."
    )


def _clients(study: Study) -> Iterator[str]:
    series: defaultdict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in study.cells:
        series[cell.condition.feeds, cell.condition.block_size].append(cell)
    lines = [line for line in series.values() if len(line) > 1]
    timed = [line for line in lines if line[0].condition.block_size > 1]
    if timed:
        line = max(timed, key=_spread)
        fewest, most = line[0].condition, line[-1].condition
        yield (
            f"Clients: the mean overheads with {fewest.clients} to {most.clients} clients differ "
            f"by at most {_seconds(_spread(line))} (blocks of {_blocks(fewest)})."
        )
    pairs = [(line[0], line[-1]) for line in lines]
    measured = [pair for pair in pairs if pair[0].latency and pair[1].latency]
    if measured:
        few, many = max(measured, key=lambda pair: pair[1].condition.clients)
        assert few.latency is not None
        assert many.latency is not None
        yield (
            f"Latency: from {few.condition.clients} to {many.condition.clients} clients the "
            f"median went from {_seconds(few.latency.p50)} to {_seconds(many.latency.p50)}, the "
            f"p99 from {_seconds(few.latency.p99)} to {_seconds(many.latency.p99)} (blocks of "
            f"{_blocks(few.condition)})."
        )


def _total(study: Study) -> Iterator[str]:
    if not study.totals:
        return
    line = most_clients(study.totals)
    fast, slow = min(line, key=lambda t: t.seconds), max(line, key=lambda t: t.seconds)
    where = f"{counted(line[0].clients, 'client')}, {line[0].feeds}"
    if slow.seconds - fast.seconds <= NO_DIFFERENCE * slow.seconds:
        sizes = f"from {line[0].block_size} to {line[-1].block_size}"
        yield (
            f"Total: a larger block does not shorten it. The same {line[0].messages} messages took "
            f"{fast.seconds:.4f} to {slow.seconds:.4f} s at every block size {sizes} "
            f"({where}). A larger block only saves reports: {line[-1].reports} instead of "
            f"{line[0].reports}."
        )
    else:
        yield (
            f"Total: the same {line[0].messages} messages took {_seconds(fast.seconds)} in blocks "
            f"of {fast.block_size} and {_seconds(slow.seconds)} in blocks of {slow.block_size} "
            f"({where})."
        )


def _fits(study: Study) -> Iterator[str]:
    """Yield a sentence about the fits that were refused, and the range of the others."""
    if len(study.cells) == 1:
        return
    refused = [model.response for model in study.models if isinstance(model.outcome, NoFit)]
    most = max(cell.condition.clients for cell in study.cells)
    where = "in the report's section Fitted models"
    if refused:
        given = f"none for the {', the '.join(refused)}; the reasons are {where}"
    else:
        given = f"given {where}"
    yield f"Fit: {given}. No run had more than {counted(most, 'client')}."


def _spread(line: Sequence[Cell]) -> float:
    means = [cell.overhead for cell in line]
    return max(means) - min(means)


def _reach(cells: Sequence[Cell]) -> Iterator[str]:
    received = sum(cell.received for cell in cells)
    expected = sum(cell.expected for cell in cells)
    if not expected:
        return
    duplicates = sum(cell.duplicates for cell in cells)
    if received == expected:
        came = f"all {expected:,} expected messages arrived"
    else:
        came = f"{received:,} of {expected:,} expected messages arrived ({received / expected:.4%})"
    again = f"{duplicates:,} arrived twice and were dropped" if duplicates else "none arrived twice"
    yield f"Reach, in the blocks that the server judged: {came}; {again}."


def _blocks(condition: Condition) -> str:
    return f"{condition.block_size}, {condition.feeds}"


def _seconds(value: float) -> str:
    return f"{value * 1000:z.2f} ms" if abs(value) < 1 else f"{value:.3f} s"
