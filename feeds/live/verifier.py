"""
Reports held against what their feeds hold.

What lies in the recent past is checked with two numbers, at once; what is
older is made again by one thread, so that however many old blocks are
reported, the event loop and the head of each feed go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

from clientapp.wire import digest
from clientapp.wire.report import FeedRange, Report
from feeds.core import judgement
from feeds.core.difference import Difference, Span, compare
from feeds.core.judgement import Judgement
from feeds.core.limits import Limits
from feeds.core.prefixes import Prefixes
from feeds.core.schedule import Schedule
from feeds.live.making import UnavailableError, stretches
from feeds.live.worker import Worker


class Verifier:
    """What a process knows of its feeds' lines, and who checks reports by it."""

    def __init__(self, limits: Limits, schedule: Callable[[str, int], Awaitable[Schedule]]) -> None:
        """*schedule* gives that of a feed, as it surely is up to an offset."""
        self._limits = limits
        self._schedule = schedule
        self._prefixes: dict[str, Prefixes] = {}
        self._worker = Worker("verifier")
        # Many clients report the same ranges; the thread alone calls this.
        self._made = lru_cache(maxsize=limits.remade_digests)(_make_digest)

    def extend(self, feed: str, first: int, lines: Sequence[bytes]) -> None:
        """Take the lines of *feed* from *first* on; after a hole, begin anew."""
        known = self._prefixes.get(feed)
        if known is None:
            known = self._prefixes[feed] = Prefixes(first - 1, self._limits.recent_digests)
        elif known.head != first - 1:
            known.restart(first - 1)
        known.extend(lines)

    def judge(self, report: Report) -> Judgement | None:
        """Return what *report* is; None where messages must be made to tell."""
        found = [self._judge(feed, part) for feed, part in report.feeds.items()]
        if None in found:
            return None
        return judgement.of_all(one for one in found if one is not None)

    async def judge_again(self, report: Report) -> Judgement:
        """
        Return what *report* is, making again what is not known any more.

        Raises UnknownYetError.
        """
        return judgement.of_all(
            [
                self._judge(feed, part) or await self._remake(feed, part)
                for feed, part in report.feeds.items()
            ]
        )

    async def explain(
        self, feeds: Mapping[str, FeedRange], received: Mapping[str, Sequence[Span]]
    ) -> Mapping[str, Difference]:
        """
        Return what differs in a block of *feeds* of which *received* came.

        Raises UnavailableError, UnknownYetError or LookupError where this
        process cannot make what the block should hold.
        """
        found = {}
        for feed, part in feeds.items():
            schedule = await self._schedule(feed, part.last)
            told = received.get(feed, ())
            found[feed] = await self._worker.run(_compare, schedule, feed, part, told)
        return found

    async def stop(self) -> None:
        """End the thread after its last work."""
        await self._worker.stop()

    def _judge(self, feed: str, part: FeedRange) -> Judgement | None:
        found = judgement.judge_by_count(feed, part)
        if found is not None:
            return found
        known = self._prefixes.get(feed)
        expected = known.between(part.first, part.last) if known else None
        return None if expected is None else judgement.judge_by_digest(feed, part, expected)

    async def _remake(self, feed: str, part: FeedRange) -> Judgement:
        schedule = await self._schedule(feed, part.last)
        try:
            expected = await self._worker.run(self._made, schedule, feed, part.first, part.last)
        except (UnavailableError, LookupError):
            return judgement.cannot_be_made(feed, part)
        return judgement.judge_by_digest(feed, part, expected)


def _make_digest(schedule: Schedule, feed: str, first: int, last: int) -> int:
    made = digest.EMPTY
    for stretch in stretches(feed, schedule, first, last):
        for line in stretch.lines:
            made = digest.extend(made, crc32(line))
    return made


def _compare(
    schedule: Schedule, feed: str, part: FeedRange, received: Sequence[Span]
) -> Difference:
    expected = [
        crc32(line)
        for stretch in stretches(feed, schedule, part.first, part.last)
        for line in stretch.lines
    ]
    return compare(part.first, expected, received)
