"""
The reports of a client: sending, resending, verdicts and explanations.

A report is on the disk before it is sent. It is sent again until the server
acknowledges it or refuses it for good.
"""

from __future__ import annotations

import asyncio

from .core import events
from .core.outbox import WINDOW, Outbox
from .core.tally import Tally
from .core.verdicts import Verdicts
from .log.log import Log
from .wire.codec import Json
from .wire.from_client import Explained, explanations
from .wire.from_server import Ack, Explain, Failure, Heartbeat
from .wire.report import Report

ACK_SECONDS = 60
"""
After the last requested block, give up if no acknowledgement arrives for this long.

A server that has just started, with a slow disk or many clients, takes seconds for its first one.
"""
BUSY_SECONDS = 1
"""The pause before resending reports that the server could not accept."""


class Reporting:
    """
    The reports of one session: an outbox, and the log behind it.

    It supplies the frames that the session's connections send. A session may have
    many reports to send: the outbox has a window of them, and the others are in the
    log, from `_unread` on.
    """

    def __init__(self, log: Log, tally: Tally, observer: events.Observer) -> None:
        self._log = log
        self._observer = observer
        self._outbox = Outbox()
        self._explanations: list[Explained] = []
        """Answers to the server's questions about broken blocks, not sent yet."""
        self._verdicts = Verdicts(tally.verdicts)
        self.due = asyncio.Event()
        """Set when there may be something to send."""
        self.finished = asyncio.Event()
        """Set when no more reports follow and all are acknowledged or given up."""
        self._is_welcomed = False
        self._is_last_said = False
        self._unread: int | None = None
        """The first block whose report waits in the log; None: all are in the outbox."""
        self._repeat_from: int | None = None
        """The first block to report again after the pause; None: no pause."""
        self._giving_up: asyncio.TimerHandle | None = None
        """The timer that each acknowledgement after the last block restarts; None before that
        block."""

    def begin(self, stored: int) -> None:
        """Begin a connection whose server has stored the first *stored* blocks."""
        # The log has all reports in order, including those sent on the last connection.
        self._outbox.clear()
        self._explanations.clear()
        self._is_welcomed = True
        # A block without a verdict in the log is reported again to get one.
        first = min(stored, self._log.judged) + 1
        self._unread = first if first <= self._last else None
        self.due.set()

    def lost(self) -> None:
        """Send nothing until the next `begin`."""
        self._is_welcomed = False

    async def to_send(self) -> list[Json]:
        """Return the frames to send now; their blocks are on the disk."""
        if not self._is_welcomed:
            return []
        await self._refill()
        frames = [report.write() for report in self._outbox.take()]
        frames += [explained.write() for explained in self._explanations]
        self._explanations.clear()
        if frames and self._log.is_synced:
            # In a thread: a slow disk must not delay the stamps of incoming messages.
            await asyncio.to_thread(self._log.sync)
        return frames

    def send(self, report: Report) -> None:
        """Report the last block of the log, after all earlier ones."""
        if self._unread is None:
            if len(self._outbox) < WINDOW:
                self._outbox.add(report)
            else:
                self._unread = report.block
        self.due.set()

    def receive(self, frame: Ack | Explain | Failure | Heartbeat) -> None:
        """Handle a frame about reports; a heartbeat is a reminder."""
        match frame:
            case Ack():
                self._note_verdicts(self._outbox.acknowledge(frame))
            case Heartbeat():
                self._outbox.remind()
                self._note_verdicts(self._outbox.ready())
            case Explain():
                lines = self._log.checksums(frame.block)
                self._explanations += explanations(frame.block, lines)
                self.due.set()
            case Failure():
                self._note_failure(frame)
        if self._outbox.is_due:
            self.due.set()

    def expect_no_more(self) -> None:
        """Expect no more reports."""
        self._is_last_said = True

    def give_up_later(self) -> None:
        """Finish even without all acknowledgements, once none arrives for `ACK_SECONDS`."""
        if self._giving_up is not None:
            self._giving_up.cancel()
        loop = asyncio.get_running_loop()
        self._giving_up = loop.call_later(ACK_SECONDS, self.finished.set)

    @property
    def unacknowledged(self) -> int:
        """The number of reports that the server has not acknowledged."""
        waiting = 0 if self._unread is None else self._last - self._unread + 1
        return len(self._outbox) + waiting

    @property
    def _last(self) -> int:
        """The last block of the session; 0: there is none."""
        return 0 if self._log.last is None else self._log.last.report.block

    async def _refill(self) -> None:
        """Move reports from the log to the outbox, a window at a time."""
        while self._unread is not None and len(self._outbox) <= WINDOW // 2:
            first, last = self._unread, self._last
            # In a thread: a slow disk must not delay the stamps of incoming messages.
            reports = await asyncio.to_thread(self._log.reports_above, first - 1, WINDOW)
            if self._unread != first:
                continue  # a welcome arrived meanwhile
            for report in reports:
                self._outbox.add(report)
            # Blocks completed meanwhile are read next time.
            following = reports[-1].block + 1 if len(reports) == WINDOW else last + 1
            self._unread = following if following <= self._last else None
            self._finish_when_acknowledged()

    def _note_verdicts(self, acks: list[Ack]) -> None:
        """Keep new verdicts; a second one of a block replaces the first."""
        for ack in acks:
            self._log.note(ack)
            self._verdicts.take(ack.block, ack.verdict)
            self._observer.show(
                events.Acknowledged(block=ack.block, verdict=ack.verdict, reason=ack.reason)
            )
            self._advance()
            if self._giving_up is not None:
                self.give_up_later()

    def _note_failure(self, failure: Failure) -> None:
        block = failure.block
        if failure.retryable:
            self._warn(failure)
            self._repeat_later(1 if block is None else block)
        elif block is None:
            self._warn(failure)
        elif self._outbox.refuse(block):
            self._warn(failure)
            self._advance()

    def _warn(self, failure: Failure) -> None:
        self._observer.show(events.Warned(text=f"{failure.code}: {failure.text}"))

    def _repeat_later(self, first: int) -> None:
        # One pause for all reports that are refused during it.
        if self._repeat_from is None:
            asyncio.get_running_loop().call_later(BUSY_SECONDS, self._repeat)
            self._repeat_from = first
        self._repeat_from = min(self._repeat_from, first)

    def _repeat(self) -> None:
        assert self._repeat_from is not None
        self._outbox.repeat(self._repeat_from)
        self._repeat_from = None
        self.due.set()

    def _advance(self) -> None:
        if self._unread is not None:
            self.due.set()
        self._finish_when_acknowledged()

    def _finish_when_acknowledged(self) -> None:
        if self._is_last_said and self.unacknowledged == 0:
            self.finished.set()
