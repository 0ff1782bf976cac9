"""
One block of a log, and the comparison of its lines with its header.

Of each message, only the part needed to check the next line is kept, so
memory use does not depend on the size of the block.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.block import RangeBuilder
from ..core.protocol import HISTORY, Duplicate
from ..core.session import Session
from ..wire.from_server import Gap
from ..wire.position import Position
from ..wire.report import Report
from ..wire.sentence import Sentence
from .format import format_head
from .parse import (
    AGAIN,
    GAP,
    LoggedBlock,
    LoggedMessage,
    parse_duplicate,
    parse_gap,
    parse_message,
)


def clock_tolerance(seconds: float) -> float:
    """Return how far two clocks may differ over *seconds*: 0.1 s plus 0.1 %."""
    return 0.1 + seconds / 1000


@dataclass(slots=True)
class ScannedBlock:
    """
    A block of which only the gap lines are parsed; other lines only enter its checksum.

    The methods that return sentences return the faults found.
    """

    header: LoggedBlock
    gaps: int = 0
    """Offsets that the gap lines name; the header's ranges count only announced ones."""
    rollbacks: int = 0
    """Gap lines with the cause ``history``."""
    is_readable: bool = True
    """Whether every line that must be parsed could be parsed."""
    is_whole: bool = False
    """Whether it was read to its end line, is readable, and matches its checksum."""

    @property
    def report(self) -> Report:
        """The report in its header."""
        return self.header.report

    @property
    def messages(self) -> int:
        """The number of its messages."""
        return self.report.size

    def head_faults(self, line: bytes) -> list[str]:
        """Compare the line for people with the header."""
        return []

    def take(self, line: bytes) -> list[str]:
        """Take the next line after the header; raises MalformedMessage."""
        if line.startswith(GAP):
            self._count_gap(parse_gap(line[:-1]))
        return []

    def faults(self) -> list[str]:
        """Compare the header with the session and with all lines."""
        return []

    def oddities(self) -> list[str]:
        """Return sentences about clocks that disagree; a clock may have been set."""
        return []

    def remarks(self) -> list[str]:
        """Return sentences that explain the line taken last; they are not faults."""
        return []

    def _count_gap(self, gap: Gap) -> int:
        missing = max(0, gap.last - gap.first + 1)
        self.gaps += missing
        self.rollbacks += gap.cause == HISTORY
        return missing


class CheckedBlock(ScannedBlock):
    """
    A block whose lines are compared with its header and with *session*.

    *positions* has the position of each feed before the block; a feed that is
    absent may begin at any offset.
    """

    def __init__(
        self, header: LoggedBlock, session: Session, positions: dict[str, Position]
    ) -> None:
        super().__init__(header)
        self._session = session
        self._at = {feed: at for feed, at in positions.items() if not self._begins_anew(feed, at)}
        self._ranges: dict[str, RangeBuilder] = {}
        self._messages = 0
        self.started_at: int | None = None
        """The receive time of the first message; None before it."""
        self.finished_at: int | None = None
        """The receive time of the last message so far."""
        self._went_back = False
        self._remarks: list[str] = []

    @property
    def messages(self) -> int:
        """The number of its message lines."""
        return self._messages

    def head_faults(self, line: bytes) -> list[str]:
        """Compare the line for people with the header."""
        if line == f"{format_head(self.report)}\n".encode():
            return []
        return ["this line does not match the header"]

    def take(self, line: bytes) -> list[str]:
        """Take the next line after the header; raises MalformedMessage."""
        if line.startswith(GAP):
            return self._add_gap(parse_gap(line[:-1]))
        if line.startswith(AGAIN):
            return self._add_duplicate(parse_duplicate(line[:-1]))
        return self._add(parse_message(line[:-1]))

    def faults(self) -> list[str]:
        """Compare the header with the session and with all lines."""
        report = self.report
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

    def remarks(self) -> list[str]:
        """Return sentences that explain the line taken last; they are not faults."""
        found, self._remarks = self._remarks, []
        return found

    def oddities(self) -> list[str]:
        """Return sentences about clocks that disagree; a clock may have been set."""
        found = []
        if self._went_back:
            found.append("receive times go back within the block")
        if self.started_at is not None and self.finished_at is not None:
            seconds = self.report.seconds
            stamped = (self.finished_at - self.started_at) / 1_000_000
            if abs(stamped - seconds) > clock_tolerance(seconds):
                found.append(
                    f"the block took {seconds:.3f} s, but {stamped:.3f} s by its receive times"
                )
        return found

    def _add(self, message: LoggedMessage) -> list[str]:
        feed, offset = message.feed, message.offset
        faults = []
        if feed not in self._session.feeds:
            return [f"feed {feed} is not part of this session"]
        at = self._at.get(feed)
        if at is not None and offset <= at.offset:
            faults.append(f"{feed} {offset} stands after {feed} {at.offset}")
        elif at is not None and offset > at.offset + 1:
            faults.append(f"{feed} {offset} follows {feed} {at.offset}, and no gap is noted")
        if not self._is_selected(message.data):
            faults.append(f"the members of {feed} {offset} do not match select")
        epoch = self._first_epoch(feed) if at is None else at.epoch
        self._at[feed] = Position(epoch, offset)
        self._range(feed, offset).add(offset, epoch, message.crc)
        self._stamp(message.received_at)
        self._messages += 1
        return faults

    def _add_gap(self, gap: Gap) -> list[str]:
        feed = gap.feed
        if feed not in self._session.feeds:
            return [f"feed {feed} is not part of this session"]
        at = self._at.get(feed)
        missing = self._count_gap(gap)
        self._at[feed] = Position(gap.epoch, gap.last)
        if gap.cause == HISTORY:
            self._remarks.append(_explain_rollback(gap, at))
        self._range(feed, gap.first).add_gap(gap)
        if gap.first > gap.last + 1:
            return [f"the gap in {feed} ends at {gap.last} before it begins at {gap.first}"]
        if at is not None and gap.first != min(at.offset, gap.last) + 1:
            return [f"the gap in {feed} begins at {gap.first}, but {feed} stood at {at.offset}"]
        changes = missing or gap.cause == HISTORY
        if at is not None and gap.epoch == at.epoch and not changes:
            return [f"the gap in {feed} changes nothing"]
        return []

    def _add_duplicate(self, duplicate: Duplicate) -> list[str]:
        if duplicate.feed not in self._session.feeds:
            return [f"feed {duplicate.feed} is not part of this session"]
        at = self._at.get(duplicate.feed)
        if at is not None and duplicate.offset > at.offset:
            return [f"{duplicate.feed} {duplicate.offset} is new, but was dropped"]
        return []

    def _begins_anew(self, feed: str, at: Position) -> bool:
        # A feed that never had a message changes its epoch without a gap line.
        now = self.header.positions.get(feed)
        return at.offset == 0 and now is not None and now.epoch != at.epoch

    def _first_epoch(self, feed: str) -> str:
        held = self.report.feeds.get(feed)
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
        said = self.report.feeds
        return [
            (f"{name} of {feed}", getattr(said[feed], name), getattr(true, name))
            for feed, part in self._ranges.items()
            if feed in said
            for true in (part.finish(said[feed].duplicates),)
            for name in ("epoch", "first", "last", "count", "digest", "gaps", "history")
        ]

    def _position_facts(self) -> list[tuple[str, object, object]]:
        said = self.header.positions
        facts: list[tuple[str, object, object]] = [
            ("positions of", sorted(said), sorted(self._session.feeds))
        ]
        for feed, true in self._at.items():
            at = said.get(feed, true)
            facts.append((f"position of {feed}", [at.epoch, at.offset], [true.epoch, true.offset]))
        return facts


def _explain_rollback(gap: Gap, at: Position | None) -> str:
    stood = f"{gap.feed} stood at {at.offset} and " if at else f"{gap.feed} "
    text = f"history was rolled back: {stood}continues after {gap.last}"
    is_again = at is not None and at.offset > gap.last
    return f"{text}; these offsets are repeated, with other messages" if is_again else text
