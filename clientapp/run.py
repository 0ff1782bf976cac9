"""One run of the client, from the first attempt to the summary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from .collector import Collector
from .connection import Brake
from .connector import Connector
from .core import events
from .core.block import BlockBuilder
from .core.counted import counted
from .core.errors import CouldNot, NothingCame
from .core.protocol import ClientProtocol
from .core.serverclock import ServerClock
from .core.session import Session
from .core.tally import Tally
from .log.log import Log
from .reporting import ACK_SECONDS, Reporting
from .wire.position import Position

LEAVE_SECONDS = 5
"""The wait for the last acknowledgements, and for the answer to a bye; without either, the log is
still complete."""


class Run:
    """
    The wired parts of one run; needs a running loop.

    It resumes the log's session if *asked* requests the same, otherwise it begins
    a new one. It ends after *blocks* blocks, by `interrupt`, when the server ends
    it, or after *timeout* seconds without a new message. Its reports contain
    *label*. With *patient* false the first connection attempt must succeed. A
    session without a block continues after the positions *after*; without them, it
    begins at offset *first* of each feed; None: with the next message. A *brake*
    slows down the reader.
    """

    def __init__(
        self,
        asked: Session,
        log: Log,
        tally: Tally,
        observer: events.Observer,
        *,
        blocks: int | None = None,
        label: str = "",
        console: bool = False,
        patient: bool = True,
        first: int | None = None,
        after: Mapping[str, Position] | None = None,
        timeout: float | None = None,
        brake: Brake | None = None,
    ) -> None:
        self._differences = [] if log.session is None else log.session.differences(asked)
        """The names of the requested values that differ from those of the log's last session."""
        goes_on = log.session is not None and not self._differences
        # The log keeps no credentials of the URL.
        session = replace(asked, session=log.session.session) if log.session and goes_on else asked
        last = log.last if goes_on else None
        self._log = log
        self._tally = tally
        self._observer = observer
        self._blocks = blocks
        self._timeout = timeout
        self._is_silent = False
        """Whether the run ended because no message arrived within the timeout."""
        self._stop = asyncio.Event()
        positions = after if last is None else last.positions
        self._protocol = ClientProtocol(session, positions, first=first)
        clock = ServerClock()
        number = 1 if last is None else last.report.block + 1
        self._reporting = Reporting(log, tally, observer)
        self._collector = Collector(
            session,
            self._protocol,
            log,
            tally,
            observer,
            builder=BlockBuilder(session, number, clock=clock, label=label),
            clock=clock,
            reporting=self._reporting,
            blocks=blocks,
            console=console,
        )
        self._url = session.url
        self._connector = Connector(
            session.url,
            self._protocol,
            self._collector,
            self._reporting,
            patient=patient,
            brake=brake,
        )

    @property
    def positions(self) -> Mapping[str, Position]:
        """The position of each feed; a feed without one is absent."""
        return self._protocol.positions

    @property
    def heads(self) -> Mapping[str, int]:
        """The head of each feed in the last heartbeat; empty before the first one."""
        return self._protocol.heads

    @property
    def unacknowledged(self) -> int:
        """The number of reports that the server has not acknowledged."""
        return self._reporting.unacknowledged

    def interrupt(self) -> None:
        """End `to_end` gracefully; if called again, at once."""
        if self._stop.is_set() or self._reporting.finished.is_set():
            self._connector.abort()
        self._collector.close()
        self._stop.set()

    async def to_end(self) -> None:
        """Collect until the end; raises a ClientError if the run failed."""
        if self._log.torn_bytes:
            text = (
                f"{self._log.torn_bytes} bytes of a torn block were removed from {self._log.path}"
            )
            self._observer.show(events.Warned(text=text))
        if self._differences:
            names = " and ".join(name.replace("_", " ") for name in self._differences)
            text = f"the last session in {self._log.path} has another {names}; a new one begins"
            self._observer.show(events.Warned(text=text))
        conversation = asyncio.create_task(self._connector.run())
        finished = asyncio.create_task(self._reporting.finished.wait())
        stop = asyncio.create_task(self._stop.wait())
        silence = asyncio.create_task(self._watch_silence())
        try:
            await asyncio.wait({conversation, finished, stop}, return_when=asyncio.FIRST_COMPLETED)
            self._collector.close()
            await self._wait_for_acknowledgements(conversation)
            if not conversation.done() and self._connector.leave():
                await asyncio.wait({conversation}, timeout=LEAVE_SECONDS)
        finally:
            for task in (conversation, finished, stop, silence):
                task.cancel()
            await asyncio.wait({conversation})
        if self._tally.connects > 0 or self._stop.is_set():
            self._sum_up()
        if not conversation.cancelled():
            conversation.result()
        self._judge()

    async def _watch_silence(self) -> None:
        """Stop the run once no new message has arrived within the timeout."""
        if self._timeout is None:
            return
        began = time.monotonic()
        while not self._collector.is_closed:
            left = max(began, self._collector.heard_at) + self._timeout - time.monotonic()
            if left <= 0:
                self._is_silent = True
                self._stop.set()
                return
            await asyncio.sleep(left)

    async def _wait_for_acknowledgements(self, conversation: asyncio.Task[None]) -> None:
        """Wait until the server has stored the reports in flight, for a limited time."""
        if self._reporting.unacknowledged and self._connector.is_open:
            acknowledged = asyncio.create_task(self._reporting.finished.wait())
            await asyncio.wait(
                {conversation, acknowledged},
                timeout=LEAVE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            acknowledged.cancel()

    def _sum_up(self) -> None:
        self._observer.show(
            self._tally.summary(
                unacknowledged=self._reporting.unacknowledged, log=str(self._log.path)
            )
        )

    def _judge(self) -> None:
        if self._is_silent:
            text = f"no new message arrived for {self._timeout:g} s"
            if self._tally.connects == 0:
                text += f": no server at {self._url}"
            raise NothingCame(text)
        left = self._reporting.unacknowledged
        if self._tally.blocks == self._blocks and left:
            raise CouldNot(
                f"the server acknowledged nothing for {ACK_SECONDS} s; "
                f"the next start sends {counted(left, 'report')} again"
            )
