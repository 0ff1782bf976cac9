"""
One block of a log, its lines held against its header.

Nothing is kept of a message but what the next line is compared with, so a
block of any size takes the same memory.
"""

from __future__ import annotations

from ..core.block import RangeBuilder
from ..core.protocol import Duplicate
from ..core.session import Session
from ..wire.from_server import Gap
from ..wire.position import Position
from ..wire.sentence import Sentence
from .line import LoggedBlock, LoggedMessage


def clock_tolerance(seconds: float) -> float:
    """Return by how much two clocks may differ over *seconds*: 0.1 s and 0.1 %."""
    return 0.1 + seconds / 1000


class BlockCheck:
    """
    The lines of one block, as far as they were read.

    *positions* is where each feed stands before the block; a feed that is
    absent may begin anywhere. Every method returns the faults it found, as
    sentences.
    """

    def __init__(
        self, session: Session, block: LoggedBlock, positions: dict[str, Position]
    ) -> None:
        self._session = session
        self.block = block
        self._at = {feed: at for feed, at in positions.items() if not self._begins_anew(feed, at)}
        self._ranges: dict[str, RangeBuilder] = {}
        self.messages = 0
        self.gaps = 0
        """Offsets that the gap lines name."""
        self.started_at: int | None = None
        """The stamp of the first message; None before it."""
        self.finished_at: int | None = None
        """The stamp of the last message so far."""
        self._went_back = False

    def add(self, message: LoggedMessage) -> list[str]:
        """Take the next message."""
        feed, offset = message.feed, message.offset
        faults = []
        if feed not in self._session.feeds:
            return [f"feed {feed} is none of the session's"]
        at = self._at.get(feed)
        if at is not None and offset <= at.offset:
            faults.append(f"{feed} {offset} stands after {feed} {at.offset}")
        elif at is not None and offset > at.offset + 1:
            faults.append(f"{feed} {offset} follows {feed} {at.offset}, and no gap is noted")
        if not self._is_selected(message.data):
            faults.append(f"{feed} {offset} has other members than select says")
        epoch = self._first_epoch(feed) if at is None else at.epoch
        self._at[feed] = Position(epoch, offset)
        self._range(feed, offset).add(offset, epoch, message.crc)
        self._stamp(message.received_at)
        self.messages += 1
        return faults

    def add_gap(self, gap: Gap) -> list[str]:
        """Take the next gap."""
        feed = gap.feed
        if feed not in self._session.feeds:
            return [f"feed {feed} is none of the session's"]
        at = self._at.get(feed)
        missing = max(0, gap.last - gap.first + 1)
        self._at[feed] = Position(gap.epoch, gap.last)
        self._range(feed, gap.first).add_gap(gap)
        self.gaps += missing
        if gap.first > gap.last + 1:
            return [f"the gap in {feed} ends at {gap.last} before it begins at {gap.first}"]
        if at is not None and gap.first != min(at.offset, gap.last) + 1:
            return [f"the gap in {feed} begins at {gap.first}, but {feed} stood at {at.offset}"]
        if at is not None and gap.epoch == at.epoch and not missing:
            return [f"the gap in {feed} changes nothing"]
        return []

    def add_duplicate(self, duplicate: Duplicate) -> list[str]:
        """Take the next message that was dropped."""
        if duplicate.feed not in self._session.feeds:
            return [f"feed {duplicate.feed} is none of the session's"]
        at = self._at.get(duplicate.feed)
        if at is not None and duplicate.offset > at.offset:
            return [f"{duplicate.feed} {duplicate.offset} is new, but was dropped"]
        return []

    def faults(self) -> list[str]:
        """Compare the header with the session and with all lines."""
        report = self.block.report
        size, seconds = report.size, report.seconds
        ranges = {feed: part for feed, part in self._ranges.items() if not part.is_empty}
        feeds = [feed for feed in self._session.feeds if feed in ranges]
        facts = [
            ("size", size, self._session.block_size),
            ("size", size, self.messages),
            ("text", report.text, str(Sentence(self._session.client, report.block, seconds))),
            ("started_at", report.started_at, self.started_at),
            ("finished_at", report.finished_at, self.finished_at),
            ("feeds", list(report.feeds), feeds),
            *self._range_facts(),
            *self._position_facts(),
        ]
        if size == 1:
            facts.append(("seconds", seconds, 0.0))
        found = [
            f"the header says {name} {said!r}, and it should be {true!r}"
            for name, said, true in facts
            if said != true
        ]
        latency = report.latency
        if not latency.p50 <= latency.p99 <= latency.max:
            found.append("the header's latencies are out of order")
        return found

    def warnings(self) -> list[str]:
        """Return what is odd about the clocks; they may have been set."""
        found = []
        if self._went_back:
            found.append("the stamps go back within the block")
        if self.started_at is not None and self.finished_at is not None:
            seconds = self.block.report.seconds
            stamped = (self.finished_at - self.started_at) / 1_000_000
            if abs(stamped - seconds) > clock_tolerance(seconds):
                found.append(f"the block took {seconds:.3f} s, but {stamped:.3f} s by its stamps")
        return found

    def _begins_anew(self, feed: str, at: Position) -> bool:
        # A feed that never had a message takes on any epoch without a word.
        now = self.block.positions.get(feed)
        return at.offset == 0 and now is not None and now.epoch != at.epoch

    def _first_epoch(self, feed: str) -> str:
        held = self.block.report.feeds.get(feed)
        return "" if held is None else held.epoch

    def _is_selected(self, data: object) -> bool:
        select = self._session.select
        if not select or not isinstance(data, dict):
            return True
        return list(data) == [name for name in select if name in data]

    def _range(self, feed: str, first: int) -> RangeBuilder:
        return self._ranges.setdefault(feed, RangeBuilder(first))

    def _stamp(self, received_at: int) -> None:
        if self.started_at is None or self.finished_at is None:
            self.started_at = received_at
        elif received_at < self.finished_at:
            self._went_back = True
        self.finished_at = received_at

    def _range_facts(self) -> list[tuple[str, object, object]]:
        said = self.block.report.feeds
        return [
            (f"{name} of {feed}", getattr(said[feed], name), getattr(true, name))
            for feed, part in self._ranges.items()
            if feed in said
            for true in (part.finish(said[feed].duplicates),)
            for name in ("epoch", "first", "last", "count", "digest", "gaps")
        ]

    def _position_facts(self) -> list[tuple[str, object, object]]:
        said = self.block.positions
        facts: list[tuple[str, object, object]] = [
            ("positions of", sorted(said), sorted(self._session.feeds))
        ]
        for feed, true in self._at.items():
            at = said.get(feed, true)
            facts.append((f"position of {feed}", [at.epoch, at.offset], [true.epoch, true.offset]))
        return facts
