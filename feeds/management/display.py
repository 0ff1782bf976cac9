"""The display of generators: live on a terminal, or line by line in a log."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clientapp.output import OutputGone
from feeds import show
from feeds.making.progress import Progress, State

log = logging.getLogger(__name__)

LIVE_SECONDS = 0.25
"""Refresh interval on a terminal: as fast as the eye can follow numbers."""
LINE_SECONDS = 10.0
"""Interval of lines in a log, after the first."""
FILE_WIDTH = 120
"""Characters per line in a file, where nothing wraps."""
STYLES = {
    State.RUNNING: "green",
    State.STANDBY: "cyan",
    State.OFF: "yellow",
    State.NO_DATABASE: "bold red",
}


class Display:
    """The state of generators, shown to a person; nothing if *quiet*."""

    def __init__(
        self,
        generators: Sequence[Progress],
        stream: TextIO,
        *,
        quiet: bool = False,
        no_color: bool = False,
    ) -> None:
        """Show on *stream*, with *no_color* without colours; otherwise the environment decides."""
        self._generators = generators
        self._console = Console(
            file=stream,
            quiet=quiet,
            no_color=no_color or None,
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        # A file for which colour is forced is still not a terminal.
        self._is_live = self._console.is_interactive and stream.isatty()
        self.gone: OutputGone | None = None
        """The reason why the display ended; None while it works."""
        if not self._is_live:
            self._console.width = FILE_WIDTH

    async def run(self) -> None:
        """Show the progress until cancelled, or until the output fails."""
        with self._until_gone():
            await self._show()
        if self.gone is not None:
            log.warning("%s; the feeds keep running", self.gone)

    async def _show(self) -> None:
        if self._console.quiet:
            return
        if self._is_live:
            with Live(console=self._console, auto_refresh=False, transient=True) as live, _logs():
                while True:
                    live.update(self._table(), refresh=True)
                    await asyncio.sleep(LIVE_SECONDS)
        while True:
            starting = [one for one in self._generators if one.state is State.STARTING]
            has_begun = not starting and any(one.latenesses for one in self._generators)
            if has_begun:
                for progress in self._generators:
                    if progress.latenesses:
                        self._console.print(_line(progress))
            await asyncio.sleep(LINE_SECONDS if has_begun else LIVE_SECONDS)

    def end(self) -> None:
        """Show a summary of each generator that took its feed."""
        with self._until_gone():
            for progress in self._generators:
                if progress.state not in (State.STARTING, State.STANDBY):
                    self._console.print(_summary(progress))

    @contextmanager
    def _until_gone(self) -> Iterator[None]:
        """End the display if the output fails, but not the feeds."""
        try:
            yield
        except OutputGone as gone:
            self.gone = gone
            self._console.quiet = True

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        table.add_column("feed")
        table.add_column("state")
        for column in ("rate", "head", "late by", "published", "not pushed"):
            table.add_column(column, justify="right")
        for progress in self._generators:
            table.add_row(
                progress.feed,
                Text(progress.state, STYLES.get(progress.state, "")),
                show.rate(progress.rate) if progress.offset else "-",
                f"{progress.offset:,}" if progress.offset else "-",
                _ms(progress.latenesses[-1]) if progress.latenesses else "-",
                f"{progress.published:,}",
                f"{progress.failures:,}",
            )
        return table


@contextmanager
def _logs() -> Iterator[None]:
    """Print log lines above the live table, as for everything on sys.stderr."""
    handlers = [
        handler
        for handler in logging.getLogger("feeds").handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    try:
        yield
    finally:
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


def _line(progress: Progress) -> str:
    return (
        f"feed {progress.feed}: {progress.state} at offset {progress.offset}, "
        f"{show.rate(progress.rate)}, late by {_ms(progress.latenesses[-1])}{_lost(progress)}"
    )


def _summary(progress: Progress) -> str:
    late = (
        f", late by p50 {_ms(progress.lateness(50))}, p99 {_ms(progress.lateness(99))}"
        if progress.latenesses
        else ""
    )
    return (
        f"feed {progress.feed}: {progress.published} messages, "
        f"last offset {progress.offset}{late}{_lost(progress)}"
    )


def _lost(progress: Progress) -> str:
    return f", {progress.failures} batches not pushed" if progress.failures else ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
