"""
A check of a report: whether it can be true, and to which history it belongs.

A report that contradicts itself, the session or an earlier report is untrue.
A range that ends ahead of its feed, or at a message with another intended time, belongs to
a history that was rolled back. This needs no messages. The `Verifier` checks whether
the reported messages are those of the feed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from feeds.core.plausibility import are_believable, find_contradiction
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.making.regeneration import ScheduleUnknownError
from feeds.running.clock import now_us


@dataclass(frozen=True, slots=True)
class Screened:
    """The result of screening a report."""

    untruth: str = ""
    """The reason why it cannot be true; empty if it can."""
    rolled_back: frozenset[str] = frozenset()
    """The feeds whose ranges belong to a history that was rolled back."""
    is_timed: bool = True
    """Whether its times can be true; if not, figures leave it out."""


@dataclass(slots=True)
class VerifiedSoFar:
    """The ends of the ranges verified over one connection, so that none is counted twice."""

    block: int = 0
    """The highest number of a block."""
    ends: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """Per feed the offset at the end of the last range, and its intended time."""


class Screening:
    """Compares reports with the ends and epochs of their feeds."""

    def __init__(self, feeds: LiveFeeds, intake: Intake) -> None:
        """Let *intake* read the promises again if a report does not match *feeds*."""
        self._feeds = feeds
        self._intake = intake

    async def screen(self, report: Report, request: Request) -> Screened:
        """
        Return the result for *report* in the session of *request*.

        Raises ScheduleUnknownError if that depends on the database and it does not answer.
        """
        if contradiction := find_contradiction(report, request.client):
            return Screened(contradiction)
        if report.size != request.block_size:
            size = f"size is {report.size}; blocks of this session hold {request.block_size}"
            return Screened(size)
        for name in report.feeds:
            if name not in request.feeds:
                asked = ", ".join(request.feeds)
                return Screened(f"{name} is not a feed of this session; it asked for {asked}")
        # Another process may have sent messages that this one does not know yet.
        if self._strangers(report) and not await self._intake.look_again():
            raise ScheduleUnknownError
        rolled_back = self._strangers(report)
        rolled_back |= {name for name, part in report.feeds.items() if part.history}
        untruths = (
            self._find_in_range(name, part)
            for name, part in report.feeds.items()
            if name not in rolled_back
        )
        untruth = next(filter(None, untruths), "")
        is_timed = not untruth and are_believable(report, self._age(report, rolled_back))
        return Screened(untruth, frozenset(rolled_back), is_timed)

    def find_overlap(self, report: Report, before: VerifiedSoFar) -> str:
        """
        Return why *report*, of a verified block, cannot follow the ones *before*; empty if it can.

        A block that is not new is compared with the stored one instead.
        """
        if report.block <= before.block:
            return ""
        for name, part in report.feeds.items():
            end, at = before.ends.get(name, (0, None))
            # After a rollback, offsets are reported again.
            if part.first <= end and not self._feeds[name].is_rolled_back(end, at):
                return f"{name}: first is {part.first}, but verified blocks reach {end} already"
        return ""

    def note(self, report: Report, before: VerifiedSoFar) -> None:
        """Add the *report* of a verified block to the reports *before*."""
        before.block = max(before.block, report.block)
        before.ends |= {
            name: (part.last, self._due(name, part.last)) for name, part in report.feeds.items()
        }

    def _strangers(self, report: Report) -> set[str]:
        """Return the feeds that, as known here, lack the message at the end of the range."""
        return {
            name
            for name, part in report.feeds.items()
            if self._feeds[name].is_rolled_back(part.last, part.at)
        }

    def _age(self, report: Report, rolled_back: set[str]) -> float:
        """Return the age in seconds of the first message of *report*; infinite if unknown."""
        dues = [
            self._due(name, part.first)
            for name, part in report.feeds.items()
            if name not in rolled_back
        ]
        known = [due for due in dues if due is not None]
        return (now_us() - min(known)) / 1_000_000 if known else inf

    def _due(self, name: str, offset: int) -> int | None:
        """Return the intended time of the message at *offset*; None if it is unknown."""
        try:
            return self._feeds[name].known.schedule.at(offset)
        except LookupError:
            return None

    def _find_in_range(self, name: str, part: FeedRange) -> str:
        """Return why *part* cannot be true; empty if it can."""
        if part.last < part.first:
            return f"{name}: last is {part.last}, but first is {part.first}; last must not be lower"
        feed = self._feeds[name]
        epoch = feed.epoch_at(part.last)
        # A range that ends with a gap has the epoch that follows the gap.
        if part.epoch not in (epoch, feed.epoch_at(part.last + 1)):
            return f"{name}: offset {part.last} is of epoch {epoch!r}, not {part.epoch!r}"
        return ""
