"""
A block: consecutive messages that a client collected, and its receipt.

Messages of all feeds count together, in order of receipt; ranges are kept
per feed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from clientapp.core.latency import summarise
from clientapp.core.session import Session
from clientapp.wire.from_client import FeedRange, Report
from clientapp.wire.from_server import Gap
from clientapp.wire.message import Message
from clientapp.wire.position import Position
from clientapp.wire.sentence import Sentence


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a frame was received, by two clocks."""

    wall_us: int
    """Microseconds since 1970."""
    monotonic: float
    """Seconds, for durations only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A complete block."""

    report: Report
    lines: tuple[str, ...]
    """The block's messages and gaps as the log has them, in order."""
    positions: Mapping[str, Position]
    """Where each feed of the session stood at the end of the block."""


@dataclass(slots=True)
class _Range:
    epoch: str
    first: int
    last: int
    count: int = 1
    gaps: int = 0


@dataclass(slots=True)
class _Draft:
    lines: list[str] = field(default_factory=list)
    ranges: dict[str, _Range] = field(default_factory=dict)
    stamps: list[Stamp] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    gaps: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False


class BlockBuilder:
    """The block that is being collected."""

    def __init__(self, session: Session, number: int) -> None:
        self.number = number
        """The number of the block being collected, from 1."""
        self._session = session
        self._draft = _Draft()
        self._duplicates: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Messages collected so far."""
        return len(self._draft.stamps)

    @property
    def is_full(self) -> bool:
        """Whether the block is complete and must be finished."""
        return self.count == self._session.block_size

    def add(self, message: Message, epoch: str, stamp: Stamp, line: str) -> None:
        """Add a new message and its line; the block must not be full."""
        draft = self._draft
        draft.stamps.append(stamp)
        draft.lines.append(line)
        draft.latencies.append((stamp.wall_us - message.at) / 1_000_000)
        missed = draft.gaps.pop(message.feed, 0)
        known = draft.ranges.get(message.feed)
        if known is None:
            draft.ranges[message.feed] = _Range(epoch, message.offset, message.offset)
            return
        known.epoch = epoch
        known.last = message.offset
        known.count += 1
        known.gaps += missed

    def add_gap(self, gap: Gap, line: str) -> None:
        """Add a gap and its line; it counts if its feed goes on in this block."""
        self._draft.lines.append(line)
        self._draft.gaps[gap.feed] += max(0, gap.last - gap.first + 1)

    def add_duplicate(self, feed: str) -> None:
        """Count a message of *feed* that came again."""
        self._duplicates[feed] += 1

    def interrupt(self) -> None:
        """Note that the connection was lost, if the block has begun."""
        self._draft.interrupted |= self.count > 0

    def finish(self, positions: Mapping[str, Position]) -> Block:
        """Return the full block and begin the next one."""
        draft, number = self._draft, self.number
        first, last = draft.stamps[0], draft.stamps[-1]
        seconds = round(last.monotonic - first.monotonic, 6)
        report = Report(
            block=number,
            text=str(Sentence(self._session.client, number, seconds)),
            feeds={feed: self._range(feed) for feed in self._session.feeds if feed in draft.ranges},
            size=self.count,
            seconds=seconds,
            started_at=first.wall_us,
            finished_at=last.wall_us,
            latency=summarise(draft.latencies),
            interrupted=draft.interrupted,
        )
        self._draft = _Draft()
        self.number += 1
        return Block(report=report, lines=tuple(draft.lines), positions=positions)

    def _range(self, feed: str) -> FeedRange:
        held = self._draft.ranges[feed]
        return FeedRange(
            epoch=held.epoch,
            first=held.first,
            last=held.last,
            count=held.count,
            gaps=held.gaps,
            duplicates=self._duplicates.pop(feed, 0),
        )
