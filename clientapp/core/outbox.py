"""
The reports of a session until the server has acknowledged them.

A server acknowledges in the order in which reports come. So an acknowledgement
that overtakes one of an earlier report tells that the earlier one was lost:
that report is sent again, and what overtook it waits. Invariant: what
`acknowledge` hands out is in the order of the reports, so that a log of
verdicts has no hole, wherever its client is killed.
"""

from __future__ import annotations

from heapq import nsmallest
from itertools import takewhile

from ..wire.from_server import Ack
from ..wire.report import Report
from ..wire.verdict import Verdict

WINDOW = 256
"""
Reports under way at once, and read back from a log at once.

A client that comes back after long may have many; sent all at once, the loss
of one acknowledgement would hold up the verdicts of all, and be repaired last.
"""


class Outbox:
    """What is to be sent, was sent, and is not acknowledged yet."""

    def __init__(self) -> None:
        self._reports: dict[int, Report] = {}
        """By block, in the order in which they were added."""
        self._due: set[int] = set()
        self._sent: dict[int, None] = {}
        """What this connection sent, in that order; unacknowledged."""
        self._early: dict[int, Ack] = {}
        """Acknowledgements that wait for those of earlier reports."""
        self._refused: set[int] = set()
        """What the server will never take."""
        self._newest: int | None = None
        """What was sent last before the last reminder."""

    def __len__(self) -> int:
        """Return how many reports are not acknowledged."""
        return len(self._reports)

    @property
    def is_due(self) -> bool:
        """Whether there is something to send, and half of the window is free for it."""
        has_room = len(self._sent) <= WINDOW // 2
        return bool(self._due) and (has_room or not self._due.isdisjoint(self._sent))

    def connect(self) -> None:
        """Forget what the last connection sent; nothing is due before `repeat`."""
        self._due.clear()
        self._sent.clear()
        self._newest = None

    def clear(self) -> None:
        """Forget all but what was refused: the rest is to be added anew."""
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
        Send again what was sent last, if it was so already at the last call.

        Its acknowledgement tells what of the rest was lost; sending all again
        would be a flood for a server that is only slow.
        """
        if self._newest in self._sent:
            self._due.add(self._newest)
        self._newest = next(reversed(self._sent), None)

    def refuse(self, block: int) -> bool:
        """Give *block* up; returns False where it was given up already."""
        self._reports.pop(block, None)
        self._sent.pop(block, None)
        is_new = block not in self._refused
        self._refused.add(block)
        return is_new

    def take(self) -> list[Report]:
        """Return what is to be sent now, by block: the window's worth at most."""
        if not self.is_due:
            return []
        waiting = self._due & self._reports.keys()
        again = waiting & self._sent.keys()
        new = nsmallest(max(0, WINDOW - len(self._sent)), waiting - again)
        self._due = waiting.difference(again, new)
        self._sent.update(dict.fromkeys(new))
        return [self._reports[block] for block in sorted([*again, *new])]

    def acknowledge(self, ack: Ack) -> list[Ack]:
        """Take an acknowledgement; return those that say something new, in order."""
        if ack.block not in self._reports:
            # A second word about a broken block says what is wrong with it.
            return [ack] if ack.verdict == Verdict.BROKEN else []
        self._early[ack.block] = ack
        if ack.block in self._sent:
            lost = list(takewhile(lambda block: block != ack.block, self._sent))
            for block in (*lost, ack.block):
                del self._sent[block]
            self._due.update(lost)
        return self.ready()

    def ready(self) -> list[Ack]:
        """Return the acknowledgements that wait for nothing any more, in order."""
        found = []
        while (block := next(iter(self._reports), None)) in self._early:
            del self._reports[block]
            found.append(self._early.pop(block))
        return found
