"""
The reports of a session until the server has acknowledged them.

A server acknowledges reports in the order of their arrival. So if a later report
is acknowledged first, the earlier one or its acknowledgement was lost: that report
is sent again, and the later acknowledgement waits. Invariant: `acknowledge` returns
acknowledgements in the order of the reports, so that the verdicts in a log have no
hole, even if the client is killed at any point.
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import takewhile

from ..wire.from_server import Ack
from ..wire.report import Report
from ..wire.verdict import Verdict

WINDOW = 256
"""
The most reports in flight at once, and the most to read back from a log at once.

A client that reconnects after a long time may have many. If all were sent at once, one lost
acknowledgement would delay all verdicts, and would be repaired last.
"""


class Outbox:
    """The reports to send, and those sent but not acknowledged yet."""

    def __init__(self) -> None:
        self._reports: dict[int, Report] = {}
        """By block, in the order in which they were added."""
        self._due: set[int] = set()
        self._sent: dict[int, None] = {}
        """Unacknowledged blocks that this connection sent, in the order of sending."""
        self._early: dict[int, Ack] = {}
        """Acknowledgements that wait until earlier reports are acknowledged."""
        self._refused: set[int] = set()
        """Blocks whose reports the server will never accept."""
        self._newest: int | None = None
        """The last block sent before the last reminder."""

    def __len__(self) -> int:
        """Return the number of unacknowledged reports."""
        return len(self._reports)

    @property
    def is_due(self) -> bool:
        """Whether there is something to send, and at least half of the window is free."""
        has_room = len(self._sent) <= WINDOW // 2
        return bool(self._due) and (has_room or not self._due.isdisjoint(self._sent))

    def connect(self) -> None:
        """Forget the reports of the last connection; nothing is due before `repeat`."""
        self._due.clear()
        self._sent.clear()
        self._newest = None

    def clear(self) -> None:
        """Forget all but the refused blocks; the caller adds the others again."""
        self._reports.clear()
        self._early.clear()
        self.connect()

    def add(self, report: Report) -> None:
        """Keep *report* until it is acknowledged or refused, and send it once."""
        if report.block not in self._reports and report.block not in self._refused:
            self._reports[report.block] = report
            self._due.add(report.block)

    def repeat(self, first: int) -> None:
        """Send the reports from block *first* on again."""
        waiting = self._reports.keys() - self._early.keys()
        self._due.update(block for block in waiting if block >= first)

    def remind(self) -> None:
        """
        Resend the report that was the newest one at the previous call, if it is unacknowledged.

        Its acknowledgement shows which of the others were lost. Resending all of
        them would flood a server that is only slow.
        """
        if self._newest in self._sent:
            self._due.add(self._newest)
        self._newest = next(reversed(self._sent), None)

    def refuse(self, block: int) -> bool:
        """Give up *block*; returns False if it was given up already."""
        self._reports.pop(block, None)
        self._sent.pop(block, None)
        is_new = block not in self._refused
        self._refused.add(block)
        return is_new

    def take(self) -> list[Report]:
        """Return the reports to send now, by block; at most one window of new ones."""
        if not self.is_due:
            return []
        waiting = self._due & self._reports.keys()
        again = waiting & self._sent.keys()
        new = nsmallest(max(0, WINDOW - len(self._sent)), waiting - again)
        self._due = waiting.difference(again, new)
        self._sent.update(dict.fromkeys(new))
        return [self._reports[block] for block in sorted([*again, *new])]

    def acknowledge(self, ack: Ack) -> list[Ack]:
        """Handle *ack*; return the acknowledgements that are ready because of it, in order."""
        if ack.block not in self._reports:
            # A second acknowledgement of a broken block explains what is wrong with it.
            return [ack] if ack.verdict == Verdict.BROKEN else []
        self._early[ack.block] = ack
        if ack.block in self._sent:
            lost = list(takewhile(lambda block: block != ack.block, self._sent))
            for block in (*lost, ack.block):
                del self._sent[block]
            self._due.update(lost)
        return self.ready()

    def ready(self) -> list[Ack]:
        """Return the acknowledgements that no longer wait for others, in order."""
        found = []
        while (block := next(iter(self._reports), None)) in self._early:
            del self._reports[block]
            found.append(self._early.pop(block))
        return found
