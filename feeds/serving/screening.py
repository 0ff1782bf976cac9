"""
A check of a report's numbers: whether it can be true, and of which history it is.

A range that ends ahead of its feed, or at a message with another intended time, is of
a history that was rolled back. This needs no messages. The `Verifier` checks whether
the reported messages are those of the feed.
"""

from __future__ import annotations

from dataclasses import dataclass

from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.making.regeneration import ScheduleUnknownError


@dataclass(frozen=True, slots=True)
class Screened:
    """The result of screening a report."""

    untruth: str = ""
    """The reason why it cannot be true; empty if it can."""
    rolled_back: frozenset[str] = frozenset()
    """The feeds whose ranges are of a history that was rolled back."""


class Screening:
    """Compares reports with the ends and epochs of their feeds."""

    def __init__(self, feeds: LiveFeeds, intake: Intake) -> None:
        """Let *intake* read the promises again if a report does not fit *feeds*."""
        self._feeds = feeds
        self._intake = intake

    async def screen(self, report: Report, request: Request) -> Screened:
        """
        Return what can be told of *report* for the session of *request*.

        Raises ScheduleUnknownError if that depends on the database and it does not answer.
        """
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
        return Screened(next(filter(None, untruths), ""), frozenset(rolled_back))

    def _strangers(self, report: Report) -> set[str]:
        """Return the feeds that have, as known here, no such message at the end of the range."""
        return {
            name
            for name, part in report.feeds.items()
            if self._feeds[name].is_rolled_back(part.last, part.at)
        }

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
