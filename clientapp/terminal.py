"""
The display of events: permanent lines, and one live line on a terminal.

Text from the network is escaped here before it is shown.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .core import events
from .core.counted import counted
from .core.protocol import HISTORY
from .core.tally import Tally
from .log.format import format_time
from .wire import codec
from .wire.printable import printable
from .wire.report import Clock
from .wire.verdict import Verdict

RATE_SECONDS = 5.0
"""The rate is an average over this long: steady at one message per second."""

VERDICT_STYLES: dict[str, str] = {Verdict.VERIFIED: "green", Verdict.BROKEN: "bold red"}
"""Every other verdict is yellow."""


class Terminal:
    """
    An observer that shows events to a person; with *quiet* it shows none.

    Errors are not events: they end the client. If there are several clients, *name*
    precedes each line of one.
    """

    def __init__(self, tally: Tally, *, quiet: bool = False, name: str = "") -> None:
        self._tally = tally
        self._name = Text(f"{name} | " if name else "")
        self._console = Console(quiet=quiet, highlight=False, markup=False, soft_wrap=True)
        # Forced colour makes a file look like a terminal, but nothing can be redrawn there.
        is_terminal = self._console.is_interactive and self._console.file.isatty()
        self._is_live = is_terminal and not name
        self._waiting: str | None = None
        self._samples = deque([(time.monotonic(), 0)])
        self._live = Live(
            console=self._console,
            get_renderable=self._line,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Self:
        if self._is_live and not self._console.quiet:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: events.Event) -> None:
        """Show *event*."""
        match event:
            case events.Connected():
                self._waiting = None
                feeds = " and ".join(event.feeds)
                self._say(
                    f"Connected to {event.url} as {event.client}: {feeds} in blocks of "
                    f"{event.block_size}, session {event.session}",
                    "green",
                )
            case events.Waiting():
                self._wait(event)
            case events.Disconnected():
                self._say(f"Disconnected: {event.reason}", "yellow")
            case events.Received():
                stamp = format_time(event.received_at)
                self._say(f"{stamp} {event.feed} {event.offset} {codec.encode(event.data)}")
            case events.Completed():
                self._complete(event)
            case events.Acknowledged():
                reason = f": {event.reason}" if event.reason else ""
                style = VERDICT_STYLES.get(event.verdict, "yellow")
                self._say(f"Block {event.block} {event.verdict}{reason}", style)
            case events.Missed():
                self._say(_gap(event), "yellow")
            case events.Noticed() | events.Warned():
                self._say(event.text, "yellow")
            case events.Summary():
                self._sum_up(event)

    def _say(self, text: str, style: str = "") -> None:
        self._print(Text(printable(text), style))

    def _print(self, line: Text) -> None:
        self._console.print(self._name + line)

    def _complete(self, event: events.Completed) -> None:
        ranges = ", ".join(f"{name} {at.first} to {at.last}" for name, at in event.feeds.items())
        line = Text(f"Block {event.block} received successfully", "bold green")
        details = (
            f"  {counted(event.size, 'message')} ({ranges}) in {event.seconds:.3f} s, "
            f"{counted(event.bytes, 'byte')}, latency {event.latency.p50:.4f} s"
            f"{_bound(event.clock)}{', interrupted' if event.interrupted else ''}"
        )
        self._print(line.append(printable(details), "default not bold"))

    def _wait(self, event: events.Waiting) -> None:
        yet = "no server at" if self._tally.connects == 0 else "no connection to"
        when = "yet " if self._tally.connects == 0 else ""
        text = f"{yet} {event.url} {when}({event.reason}); trying again in {event.seconds:.1f} s"
        self._waiting = printable(text)
        # Less and less often: an unattended client must not fill its output.
        is_power_of_two = event.attempt & (event.attempt - 1) == 0
        if not self._is_live and is_power_of_two:
            self._say(text)

    def _sum_up(self, event: events.Summary) -> None:
        self._live.stop()
        counts = (
            counted(event.blocks, "block"),
            counted(event.messages, "message"),
            counted(event.reconnects, "reconnect"),
            counted(event.gaps, "missing offset"),
            counted(event.duplicates, "duplicate"),
        )
        self._say(", ".join(counts), "bold")
        if event.verdicts:
            found = ", ".join(f"{blocks} {verdict}" for verdict, blocks in event.verdicts.items())
            self._say(f"the server found {found}")
        if event.latency is not None:
            p50, p99 = event.latency.p50, event.latency.p99
            self._say(f"latency p50 {p50:.4f} s, p99 {p99:.4f} s{_bound(event.clock)}")
        if event.interrupted:
            blocks = counted(event.interrupted, "block")
            self._say(f"latency leaves out {blocks} around a reconnect or catch-up")
        if event.unfinished:
            messages = counted(event.unfinished, "message")
            self._say(f"the next start will receive {messages} of an unfinished block again")
        if event.unacknowledged:
            reports = counted(event.unacknowledged, "report")
            self._say(f"the next start will send {reports} again")
        self._say(f"log {event.log}")

    def _line(self) -> Text:
        """Return the live line; the screen's thread calls this."""
        if self._waiting is not None:
            return Text(self._waiting, "yellow", no_wrap=True, overflow="ellipsis")
        tally = self._tally
        now = time.monotonic()
        self._samples.append((now, tally.messages))
        while now - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        rate = (tally.messages - before) / (now - since) if now > since else 0.0
        latency = f"{tally.latencies[-1]:.4f} s" if tally.latencies else "none yet"
        return Text(
            f"{rate:.1f} messages/s · {tally.in_block} of {tally.block_size} in the block · "
            f"latency {latency} · {counted(tally.reconnects, 'reconnect')}",
            "dim",
            no_wrap=True,
            overflow="ellipsis",
        )


def _gap(event: events.Missed) -> str:
    """Return a gap as a sentence."""
    span = f"{event.first} to {event.last} will not arrive"
    missing = span if event.first <= event.last else "nothing is missing"
    if event.cause == HISTORY:
        missing = f"history was rolled back; messages after {event.last} follow"
    return f"Gap in {event.feed}: {missing} ({event.cause})"


def _bound(clock: Clock | None) -> str:
    """Return how far a latency may be wrong, as the end of a sentence."""
    return " by this machine's own clock" if clock is None else f" ± {clock.error:.4f} s"
