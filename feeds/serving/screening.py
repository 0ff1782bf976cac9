"""
A check whether a report can be true: no client receives what was never sent.

This needs no messages. The `Verifier` checks whether the reported messages are
those of the feed.
"""

from __future__ import annotations

from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.making.regeneration import ScheduleUnknownError


class _Ahead(Exception):
    """A report ends after the feed's end known here."""


class Screening:
    """Compares reports with the ends and epochs of their feeds."""

    def __init__(self, feeds: LiveFeeds, intake: Intake) -> None:
        """Let *intake* read the promises again if a report is ahead of *feeds*."""
        self._feeds = feeds
        self._intake = intake

    async def find_untruth(self, report: Report, request: Request) -> str:
        """
        Return why *report* cannot be true for the session of *request*; empty if it can.

        Raises ScheduleUnknownError if that depends on the database and it does not answer.
        """
        if report.size != request.block_size:
            return f"size is {report.size}; blocks of this session hold {request.block_size}"
        try:
            return self._find(report, request)
        except _Ahead:
            # Another process may have sent messages that this one does not know yet.
            answered = await self._intake.look_again()
        try:
            return self._find(report, request)
        except _Ahead as ahead:
            if not answered:
                raise ScheduleUnknownError from None
            return str(ahead)

    def _find(self, report: Report, request: Request) -> str:
        for name, part in report.feeds.items():
            if name not in request.feeds:
                asked = ", ".join(request.feeds)
                return f"{name} is not a feed of this session; it asked for {asked}"
            if found := self._find_in_range(name, part):
                return found
        return ""

    def _find_in_range(self, name: str, part: FeedRange) -> str:
        if part.last < part.first:
            return f"{name}: last is {part.last}, before first, which is {part.first}"
        feed = self._feeds[name]
        if part.last > feed.end:
            raise _Ahead(f"{name}: last is {part.last}, but the feed ends at {feed.end}")
        epoch = feed.epoch_at(part.last)
        # A range that ends with a gap has the epoch that follows the gap.
        if part.epoch not in (epoch, feed.epoch_at(part.last + 1)):
            return f"{name}: offset {part.last} is of epoch {epoch!r}, not {part.epoch!r}"
        return ""
