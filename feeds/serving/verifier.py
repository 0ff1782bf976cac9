"""
Verification: reports are compared with the messages of their feeds.

Blocks in the recent past are checked at once, with two numbers. For older ones, the
maker regenerates the messages, so that live clients are not slowed down, however
many old blocks are reported.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence

from clientapp.wire import digest
from clientapp.wire.report import FeedRange, Report
from feeds.core import judgement
from feeds.core.difference import Difference, Span, compare
from feeds.core.judgement import Judgement
from feeds.core.limits import Limits
from feeds.core.prefixes import RecentDigests
from feeds.making.catalog import Catalog
from feeds.making.maker import Maker
from feeds.making.regeneration import UnavailableError, checksums_between, digest_between


class Verifier:
    """Checks reports against recent digests, or against regenerated messages."""

    def __init__(
        self,
        limits: Limits,
        digests: RecentDigests,
        catalog: Catalog,
        maker: Maker,
    ) -> None:
        """Compare with *digests* if they reach back far enough; otherwise regenerate in *maker*."""
        self._limits = limits
        self._catalog = catalog
        self._digests = digests
        self._maker = maker
        self._remade: OrderedDict[tuple[str, int, int, int], int] = OrderedDict()
        """The last digests regenerated, by feed, first, last, and intended time of last: many
        clients report the same ranges."""

    async def judge(self, report: Report, rolled_back: Collection[str] = ()) -> Judgement:
        """
        Return the judgement of *report*, regenerating messages whose digests are gone.

        Its ranges of the feeds *rolled_back* belong to a history that cannot be regenerated.
        Raises ScheduleUnknownError and ChildEndedError.
        """
        return judgement.of_all(
            [
                judgement.rolled_back(feed, part)
                if feed in rolled_back
                else self._judge(feed, part) or await self._remake(feed, part)
                for feed, part in report.feeds.items()
            ]
        )

    async def explain(
        self, feeds: Mapping[str, FeedRange], received: Mapping[str, Sequence[Span]]
    ) -> Mapping[str, Difference]:
        """
        Return the differences between a block of *feeds* and the messages *received* of it.

        Raises UnavailableError, ScheduleUnknownError, ChildEndedError or LookupError
        if the messages of the block cannot be regenerated.
        """
        found = {}
        for feed, part in feeds.items():
            first, last = part.first, part.last
            schedule = (await self._catalog.schedule(feed, last)).part(first, last)
            expected: list[int] = []
            for start, end in self._steps(first, last):
                expected += await self._maker.run(checksums_between, feed, schedule, start, end)
            told = received.get(feed, ())
            found[feed] = await self._maker.run(compare, first, expected, told)
        return found

    def _judge(self, feed: str, part: FeedRange) -> Judgement | None:
        found = judgement.judge_by_count(feed, part)
        if found is not None:
            return found
        expected = self._digests.between(feed, part.first, part.last)
        return None if expected is None else judgement.judge_by_digest(feed, part, expected)

    async def _remake(self, feed: str, part: FeedRange) -> Judgement:
        try:
            expected = await self._make_digest(feed, part.first, part.last)
        except (UnavailableError, LookupError):
            return judgement.cannot_be_made(feed, part)
        return judgement.judge_by_digest(feed, part, expected)

    async def _make_digest(self, feed: str, first: int, last: int) -> int:
        schedule = await self._catalog.schedule(feed, last)
        key = (feed, first, last, schedule.at(last))
        if key not in self._remade:
            schedule = schedule.part(first, last)
            made = digest.EMPTY
            for start, end in self._steps(first, last):
                more = await self._maker.run(digest_between, feed, schedule, start, end)
                made = digest.join(made, more, end - start + 1)
            self._remade[key] = made
            if len(self._remade) > self._limits.remade_digests:
                self._remade.popitem(last=False)
        return self._remade[key]

    def _steps(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Split a range, so that other calls of the maker get a turn in between."""
        size = self._limits.remade_messages
        for start in range(first, last + 1, size):
            yield start, min(last, start + size - 1)
