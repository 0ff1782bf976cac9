"""
What becomes of the reports of a client: sent, sent again, judged, explained.

A report is on the disk before it is sent. It is sent again until it has an
acknowledgement, or a refusal that will never change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from .core import events
from .core.outbox import WINDOW
from .core.protocol import ClientProtocol
from .core.tally import Tally
from .core.verdicts import Verdicts
from .log.line import LoggedBlock
from .wire.from_client import explanations
from .wire.from_server import Ack, Explain, Failure
from .wire.report import Report

ACK_SECONDS = 10
"""Without an acknowledgement, after the last block asked for: then there will be none."""
BUSY_SECONDS = 1
"""Before reports are sent again that the server could not take."""


class ReportLog(Protocol):
    """What of a client's log its reports need; `BlockLog` says what each part owes."""

    @property
    def judged(self) -> int: ...  # noqa: D102
    @property
    def last(self) -> LoggedBlock | None: ...  # noqa: D102
    def note(self, ack: Ack) -> None: ...  # noqa: D102
    def checksums(self, number: int) -> dict[str, list[tuple[int, int]]]: ...  # noqa: D102
    def reports_above(self, number: int, most: int = WINDOW) -> list[Report]: ...  # noqa: D102


class Reporting:
    """
    The reports of one session, which *protocol* sends.

    *wake* is called when it has something to send. After `expect_no_more`,
    *finished* is called once all is acknowledged.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        log: ReportLog,
        tally: Tally,
        show: Callable[[events.Event], None],
        *,
        wake: Callable[[], None],
        finished: Callable[[], None],
    ) -> None:
        self._protocol = protocol
        self._log = log
        self._show = show
        self._wake = wake
        self._finished = finished
        self._verdicts = Verdicts(tally.verdicts)
        self._is_last_said = False
        self._unread: int | None = None
        """The first block whose report waits in the log; None: all are under way."""
        self._repeat_from: int | None = None
        """The first block to report again after the pause; None: no pause."""
        self._giving_up: asyncio.TimerHandle | None = None
        """Set anew with each acknowledgement after the last block; None: it is not there."""

    def begin(self, stored: int) -> None:
        """Begin on a connection whose server has the first *stored* blocks."""
        # The log has all of them, in their order, those under way before as well.
        self._protocol.clear_reports()
        # What the server has and the log knows no verdict of is asked for again.
        first = min(stored, self._log.judged) + 1
        self._unread = first if first <= self._last else None
        self._wake()

    async def refill(self) -> None:
        """
        Read back from the log what is to be reported, a window at a time.

        To be awaited before anything is sent: a session may be long, and all of
        its reports would take memory and a turn that nothing else has.
        """
        while self._unread is not None and self._protocol.unacknowledged <= WINDOW // 2:
            first, last = self._unread, self._last
            # In a thread: a slow disk must not delay the stamps of what comes in.
            reports = await asyncio.to_thread(self._log.reports_above, first - 1, WINDOW)
            if self._unread != first:
                continue  # meanwhile the server said what it has
            for report in reports:
                self._protocol.report(report)
            # Blocks that came meanwhile are read the next time.
            following = reports[-1].block + 1 if len(reports) == WINDOW else last + 1
            self._unread = following if following <= self._last else None
            self._finish_when_acknowledged()

    def send(self, report: Report) -> None:
        """Report the last block of the log, after those before it."""
        if self._unread is None:
            if self._protocol.unacknowledged < WINDOW:
                self._protocol.report(report)
            else:
                self._unread = report.block
        self._wake()

    def receive(self, frame: Ack | Explain | Failure) -> None:
        """Take what the server says of a report."""
        match frame:
            case Ack():
                self._note_verdict(frame)
            case Explain():
                lines = self._log.checksums(frame.block)
                self._protocol.explain(explanations(frame.block, lines))
                self._wake()
            case Failure():
                self._note_failure(frame)

    def expect_no_more(self) -> None:
        """Know that no report follows."""
        self._is_last_said = True

    def give_up_later(self) -> None:
        """Finish without an acknowledgement, too, once none came for long."""
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._giving_up = asyncio.get_running_loop().call_later(ACK_SECONDS, self._finished)

    @property
    def unacknowledged(self) -> int:
        """The number of reports that the server has not acknowledged."""
        waiting = 0 if self._unread is None else self._last - self._unread + 1
        return self._protocol.unacknowledged + waiting

    @property
    def _last(self) -> int:
        """The last block of the session; 0: there is none."""
        return 0 if self._log.last is None else self._log.last.report.block

    def _note_verdict(self, ack: Ack) -> None:
        """Keep what the server found; a second verdict takes the place of the first."""
        self._log.note(ack)
        self._verdicts.take(ack.block, ack.verdict)
        self._show(events.Acknowledged(block=ack.block, verdict=ack.verdict, reason=ack.reason))
        self._go_on()
        if self._giving_up is not None:
            self.give_up_later()

    def _note_failure(self, failure: Failure) -> None:
        block = failure.block
        if failure.retryable:
            self._warn(failure)
            self._repeat_later(1 if block is None else block)
        elif block is None:
            self._warn(failure)
        elif self._protocol.refuse(block):
            self._warn(failure)
            self._go_on()

    def _warn(self, failure: Failure) -> None:
        self._show(events.Warned(text=f"{failure.code}: {failure.text}"))

    def _repeat_later(self, first: int) -> None:
        # One pause for all that is refused during it.
        if self._repeat_from is None:
            asyncio.get_running_loop().call_later(BUSY_SECONDS, self._repeat)
            self._repeat_from = first
        self._repeat_from = min(self._repeat_from, first)

    def _repeat(self) -> None:
        assert self._repeat_from is not None
        self._protocol.repeat(self._repeat_from)
        self._repeat_from = None
        self._wake()

    def _go_on(self) -> None:
        if self._unread is not None:
            self._wake()
        self._finish_when_acknowledged()

    def _finish_when_acknowledged(self) -> None:
        if self._is_last_said and self.unacknowledged == 0:
            self._finished()
