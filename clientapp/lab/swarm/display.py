"""The display of a swarm: live on a terminal, line by line in a log, and its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ...wire.printable import printable
from ...wire.verdict import Verdict
from .outcome import Outcome, measured
from .status import PartStatus, whole
from .swarm import Swarm

LIVE_SECONDS = 0.5
LINE_SECONDS = 5.0
"""The seconds between two lines if the output is not a terminal."""
FILE_WIDTH = 120
"""Characters per line in a file, which wraps nothing."""
WIDE = 1000
"""More characters than any table needs."""
FAILURES_SHOWN = 5
DELIVERED = ("members", "messages", "reach", "gaps", "duplicates")
BLOCKS = ("blocks", "verified", "p50", "p99", "p99.9")
"""The columns of a result; these become two tables if they do not fit side by side."""


class Display:
    """Shows a swarm to a person; with *quiet*, shows nothing."""

    def __init__(self, swarm: Swarm, *, quiet: bool) -> None:
        self._swarm = swarm
        self._console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)
        # Even if colour is forced, a file cannot show a live display.
        self._is_live = self._console.is_interactive and self._console.file.isatty()
        if not self._is_live:
            self._console.width = FILE_WIDTH
        self._began = time.monotonic()
        self._before = (self._began, 0)

    async def run(self) -> None:
        """Show the swarm until cancelled."""
        if self._console.quiet:
            return
        if self._is_live:
            with Live(console=self._console, auto_refresh=False, transient=True) as live:
                while True:
                    live.update(self._table(), refresh=True)
                    await asyncio.sleep(LIVE_SECONDS)
        while True:
            await asyncio.sleep(LINE_SECONDS)
            self._console.print(self._line())

    def end(self, outcome: Outcome) -> None:
        """Show the outcome of the swarm."""
        whole_table = _result(outcome, (*DELIVERED, *BLOCKS))
        anywhere = self._console.options.update_width(WIDE)
        needed = self._console.measure(whole_table, options=anywhere).maximum
        if needed <= self._console.width:
            self._console.print(whole_table)
        else:
            self._console.print(_result(outcome, DELIVERED))
            self._console.print(_result(outcome, BLOCKS))
        for line in _remarks(outcome):
            self._console.print(printable(line))

    def _rate(self, messages: int) -> float:
        """Return messages per second since the last call."""
        now = time.monotonic()
        since, before = self._before
        self._before = (now, messages)
        return (messages - before) / (now - since) if now > since else 0.0

    def _line(self) -> str:
        part = whole(self._swarm.parts.values())
        seconds = time.monotonic() - self._began
        text = (
            f"{seconds:.0f} s: {part.connected} of {part.members} members connected, "
            f"{self._rate(part.messages):,.0f} messages/s, {part.blocks:,} blocks"
        )
        if part.latencies.total:
            text += f", latency p99 {_ms(part.latencies.percentile(99))}"
        return f"{text}; {self._shares()}"

    def _shares(self) -> str:
        load = " ".join(f"{share:.0%}" for share in self._swarm.processor)
        if self._swarm.is_server_gone:
            return f"load {load or '-'}, server ended"
        server = self._swarm.server
        return f"load {load or '-'}" + ("" if server is None else f", server {server:.0%}")

    def _table(self) -> Table:
        names = ("connected", "messages", "blocks", "verified", "p50", "p99")
        table = _table(names, caption=self._shares(), caption_justify="left")
        parts = self._swarm.parts
        for name, part in parts.items():
            _add_row(table, name, part)
        if len(parts) > 1:
            _add_row(table, "all", whole(parts.values()))
        return table


def _add_row(table: Table, name: str, part: PartStatus) -> None:
    found = measured(part)
    table.add_row(
        name,
        f"{part.connected}/{part.members}",
        f"{part.messages:,}",
        f"{part.blocks:,}",
        _share(found.get("verified")),
        _ms(found.get("latency_p50")),
        _ms(found.get("latency_p99")),
    )


def _result(outcome: Outcome, names: Sequence[str]) -> Table:
    """Return the table with a row for each part and the columns *names*."""
    table = _table(names)
    rows = dict(outcome.parts)
    if len(rows) > 1:
        rows["all"] = whole(outcome.parts.values())
    for name, part in rows.items():
        cells = _cells(part)
        table.add_row(name, *(cells[column] for column in names))
    return table


def _cells(part: PartStatus) -> dict[str, str]:
    """Return the row of *part* in a result, by column name."""
    found = measured(part)
    return {
        "members": str(part.members),
        "messages": f"{part.messages:,}",
        "reach": "-" if "reach" not in found else f"{found['reach']:.6f}",
        "gaps": f"{part.gaps:,}",
        "duplicates": f"{part.duplicates:,}",
        "blocks": f"{part.blocks:,}",
        "verified": _share(found.get("verified")),
        "p50": _ms(found.get("latency_p50")),
        "p99": _ms(found.get("latency_p99")),
        "p99.9": _ms(found.get("latency_p99_9")),
    }


def _table(names: Sequence[str], **options: Any) -> Table:
    """Return a table that never cuts numbers and folds long names of parts."""
    table = Table(box=None, pad_edge=False, **options)
    table.add_column("part", overflow="fold")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _remarks(outcome: Outcome) -> list[str]:
    part = whole(outcome.parts.values())
    counts = (
        f"{part.reconnects} reconnects",
        f"{part.unacknowledged} reports not acknowledged",
        f"{part.verdicts[Verdict.BROKEN]} blocks broken",
        f"{part.verdicts[Verdict.UNVERIFIABLE]} unverifiable",
        f"{outcome.seconds:.1f} s",
    )
    lines = [", ".join(counts)]
    if part.messages and not part.blocks:
        lines.append("no block was complete: try smaller blocks (--mix users:2) or more --seconds")
    if part.clock_error is not None:
        lines.append(f"latencies by the server's clock, accurate to {_ms(part.clock_error)}")
    if part.interrupted:
        lines.append(
            f"latencies leave out {part.interrupted:,} blocks around a reconnect or catch-up"
        )
    if part.behind:
        lines.append(f"slow readers still had {part.behind:,} messages to read")
    lines += _processors(outcome)
    lines += list(outcome.failures[:FAILURES_SHOWN])
    if len(outcome.failures) > FAILURES_SHOWN:
        lines.append(f"and {len(outcome.failures) - FAILURES_SHOWN} more members failed")
    if outcome.why_bound is not None:
        lines.append(outcome.why_bound)
    return lines


def _processors(outcome: Outcome) -> list[str]:
    """Return the shares of a core that each load process and the server used."""
    lines = [
        f"load process {number}: {_cores(load.processor)}"
        for number, load in enumerate(outcome.loads, 1)
        if load.processor
    ]
    if outcome.server:
        lines.append(f"server: {_cores(outcome.server)}")
    if outcome.is_server_gone:
        lines.append("server: its process (--server-pid) ended before the swarm did")
    return lines


def _cores(shares: Sequence[float]) -> str:
    return f"{sum(shares) / len(shares):.0%} of a core, {max(shares):.0%} at most"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f} ms"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"
