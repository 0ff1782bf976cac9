"""
Whether a report can be true: nobody receives what was never sent.

This needs no message. Whether those of the report are those of the feed is for
the `Verifier`.
"""

from __future__ import annotations

from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from feeds.fanout.intake import Intake
from feeds.fanout.live_feeds import LiveFeeds
from feeds.making.regeneration import UnknownYetError


class _Ahead(Exception):
    """A report ends after its feed does, as far as is known here."""


class Screening:
    """Compares reports with how far feeds have got."""

    def __init__(self, feeds: LiveFeeds, intake: Intake) -> None:
        """Read promises again by *intake* if a report is ahead of *feeds*."""
        self._feeds = feeds
        self._intake = intake

    async def find_untruth(self, report: Report, request: Request) -> str:
        """
        Return why *report* cannot be true of the session of *request*; empty: it can be.

        Raises UnknownYetError if only the database could tell and does not answer.
        """
        if report.size != request.block_size:
            return f"size is {report.size}; blocks of this session hold {request.block_size}"
        try:
            return self._find(report, request)
        except _Ahead:
            # Another process may have sent what this one has not heard of yet.
            answered = await self._intake.look_again()
        try:
            return self._find(report, request)
        except _Ahead as ahead:
            if not answered:
                raise UnknownYetError from None
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
        # A range that ends with a gap has the epoch that the gap leads to.
        if part.epoch not in (epoch, feed.epoch_at(part.last + 1)):
            return f"{name}: offset {part.last} is of epoch {epoch!r}, not {part.epoch!r}"
        return ""
