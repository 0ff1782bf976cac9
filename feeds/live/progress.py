"""How far the generators are, on a terminal or in a log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table

from feeds.live.generator import Progress

LIVE_SECONDS = 0.25
"""Between two looks on a terminal: as often as an eye follows numbers."""
LINE_SECONDS = 10.0
"""Between two lines in a log, after the first."""


async def show_progress(generators: Sequence[Progress], stream: TextIO) -> None:
    """Show *generators* on *stream* until cancelled."""
    console = Console(file=stream)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(_table(generators), refresh=True)
                await asyncio.sleep(LIVE_SECONDS)
    while True:
        if all(progress.offset for progress in generators):
            for progress in generators:
                print(_line(progress), file=stream, flush=True)
            await asyncio.sleep(LINE_SECONDS)
        else:
            await asyncio.sleep(LIVE_SECONDS)


def _line(progress: Progress) -> str:
    lost = f", {progress.failures} batches not pushed" if progress.failures else ""
    return (
        f"feed {progress.feed}: offset {progress.offset}, {progress.rate:g}/s, "
        f"lag {progress.lag * 1000:.1f} ms{lost}"
    )


def _table(generators: Sequence[Progress]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("feed")
    for column in ("offset", "rate", "lag", "published", "not pushed"):
        table.add_column(column, justify="right")
    for progress in generators:
        table.add_row(
            progress.feed,
            str(progress.offset) if progress.offset else "-",
            f"{progress.rate:g}/s",
            f"{progress.lag * 1000:.1f} ms",
            str(progress.published),
            str(progress.failures),
        )
    return table
