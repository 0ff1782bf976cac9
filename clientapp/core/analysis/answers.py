"""What a study answers, in sentences whose figures are its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from clientapp.core.analysis.cell import Cell
from clientapp.core.analysis.study import Study
from clientapp.core.analysis.total import Total, most_clients

NO_DIFFERENCE = 0.01
"""Totals within this share of each other count as the same."""


def answers(study: Study) -> list[str]:
    """Return the answers, the most asked first; what was not measured is left out."""
    return [
        *_block_size(study.cells),
        *_clients(study.cells),
        *_total(study.totals),
        *_reach(study.cells),
    ]


def _block_size(cells: Sequence[Cell]) -> Iterator[str]:
    timed = [cell for cell in cells if cell.condition.block_size > 1]
    if not timed:
        return
    worst = max(timed, key=lambda cell: abs(cell.overhead))
    share = abs(worst.overhead) / worst.condition.ideal
    yield (
        f"Block size: the mean block time was never further than {_seconds(abs(worst.overhead))} "
        f"({share:.2%}) from the ideal, (block size - 1) / rate. That was at "
        f"{_where(worst)}: {worst.mean:.4f} s, ideal {worst.condition.ideal:.4f} s."
    )


def _clients(cells: Sequence[Cell]) -> Iterator[str]:
    series: defaultdict[tuple[float, str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        condition = cell.condition
        series[condition.rate, condition.feeds, condition.block_size].append(cell)
    pairs = [(line[0], line[-1]) for line in series.values() if len(line) > 1]
    timed = [pair for pair in pairs if pair[0].condition.block_size > 1]
    if timed:
        few, many = max(timed, key=lambda pair: abs(pair[1].mean - pair[0].mean))
        yield (
            f"Clients: from {few.condition.clients} to {many.condition.clients} clients the mean "
            f"block time changed by {_seconds(abs(many.mean - few.mean))} at most (blocks of "
            f"{few.condition.block_size} at {few.condition.rate:g} messages/s)."
        )
    measured = [pair for pair in pairs if pair[0].latency and pair[1].latency]
    if measured:
        few, many = max(measured, key=lambda pair: pair[1].condition.clients)
        assert few.latency is not None
        assert many.latency is not None
        yield (
            f"Latency: from {few.condition.clients} to {many.condition.clients} clients the "
            f"median went from {_seconds(few.latency.p50)} to {_seconds(many.latency.p50)}, the "
            f"p99 from {_seconds(few.latency.p99)} to {_seconds(many.latency.p99)} (blocks of "
            f"{few.condition.block_size} at {few.condition.rate:g} messages/s)."
        )


def _total(totals: Sequence[Total]) -> Iterator[str]:
    if not totals:
        return
    line = most_clients(totals)
    fast, slow = min(line, key=lambda t: t.seconds), max(line, key=lambda t: t.seconds)
    where = f"{line[0].clients} clients at {line[0].rate:g} messages/s"
    if slow.seconds - fast.seconds <= NO_DIFFERENCE * slow.seconds:
        sizes = f"from {line[0].block_size} to {line[-1].block_size}"
        yield (
            f"Total: a larger block does not shorten it. The same {line[0].messages} messages took "
            f"{fast.seconds:.4f} to {slow.seconds:.4f} s at every block size {sizes} "
            f"({where}); what a larger block saves is reports, "
            f"{line[0].reports} against {line[-1].reports}."
        )
    else:
        yield (
            f"Total: the same {line[0].messages} messages took {_seconds(fast.seconds)} in blocks "
            f"of {fast.block_size} and {_seconds(slow.seconds)} in blocks of {slow.block_size} "
            f"({where})."
        )


def _reach(cells: Sequence[Cell]) -> Iterator[str]:
    received = sum(cell.received for cell in cells)
    expected = sum(cell.expected for cell in cells)
    if not expected:
        return
    duplicates = sum(cell.duplicates for cell in cells)
    if received == expected:
        came = f"all {expected:,} expected messages came"
    else:
        came = f"{received:,} of {expected:,} expected messages came ({received / expected:.4%})"
    again = f"{duplicates:,} came twice and were dropped" if duplicates else "none came twice"
    yield f"Reach: {came}; {again}."


def _where(cell: Cell) -> str:
    condition = cell.condition
    return (
        f"{condition.clients} clients with blocks of {condition.block_size} "
        f"at {condition.rate:g} messages/s"
    )


def _seconds(value: float) -> str:
    return f"{value * 1000:.2f} ms" if abs(value) < 1 else f"{value:.3f} s"
