"""
A block: consecutive messages that a client collected, and its receipt.

Messages of all feeds count together, in order of receipt. Ranges are kept per feed, and follow
each other from block to block without a hole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..wire import digest
from ..wire.from_server import Gap
from ..wire.message import Message
from ..wire.position import Position
from ..wire.report import FeedRange, Report
from ..wire.sentence import Sentence
from .cadence import Cadence
from .latency import summarise
from .protocol import HISTORY, UNANNOUNCED
from .serverclock import ServerClock
from .session import Session
from .stamp import Stamp

NOTED_DUPLICATES = 1000
"""The most duplicates that get a line in one block; a server that repeats messages endlessly
must not fill its clients' memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A complete block."""

    report: Report
    lines: tuple[str, ...]
    """The block's log lines for messages, duplicates and gaps, in order."""
    latencies: tuple[float, ...]
    """Latency of each message in seconds; the report summarises them."""
    positions: Mapping[str, Position]
    """The position of each feed of the session at the end of the block."""
    due: tuple[int, int]
    """The first and last intended time of its messages, microseconds since 1970."""
    rates: Mapping[str, float | None]
    """Messages per second of each feed; None: the rate changed within the block."""


@dataclass(slots=True)
class RangeBuilder:
    """One feed's range in a block that is being collected or read."""

    first: int
    epoch: str = ""
    last: int = 0
    count: int = 0
    digest: int = digest.EMPTY
    gaps: int = 0
    at: int | None = None
    history: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the range has only had a change of epoch or a rollback so far."""
        return self.count == 0 and self.last < self.first

    def add(self, offset: int, epoch: str, crc: int, at: int | None = None) -> None:
        """Add a message; its intended time *at* is unknown if it is read from a log."""
        self.last = offset
        self.at = at
        self.epoch = epoch
        self.count += 1
        self.digest = digest.extend(self.digest, crc)

    def add_gap(self, gap: Gap) -> None:
        """Add a gap; offsets that the server did not announce are not counted."""
        # If a new epoch starts at lower offsets, the range begins with them.
        self.first = min(self.first, gap.last + 1)
        self.last = gap.last
        self.at = None
        self.epoch = gap.epoch
        # Before the first message of a block, the gap is between two blocks.
        self.history |= gap.cause == HISTORY and self.count > 0
        if gap.cause != UNANNOUNCED:
            self.gaps += max(0, gap.last - gap.first + 1)

    def finish(self, duplicates: int) -> FeedRange:
        """Return the range for the report."""
        return FeedRange(
            epoch=self.epoch,
            first=self.first,
            last=self.last,
            count=self.count,
            digest=digest.format_digest(self.digest),
            gaps=self.gaps,
            duplicates=duplicates,
            at=self.at,
            history=self.history,
        )


@dataclass(slots=True)
class _Draft:
    lines: list[str] = field(default_factory=list)
    ranges: dict[str, RangeBuilder] = field(default_factory=dict)
    stamps: list[Stamp] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    """The intended time of each message, microseconds since 1970."""
    dropped: int = 0
    interrupted: bool = False


class BlockBuilder:
    """
    The block that is being collected.

    Latencies are computed when the block is finished, with the latest estimate
    of *clock*: the best available one for each message, even for one received
    before the first pong. The report contains *label*.
    """

    def __init__(
        self,
        session: Session,
        number: int,
        *,
        clock: ServerClock | None = None,
        label: str = "",
    ) -> None:
        self.number = number
        """The number of the block being collected, from 1."""
        self._session = session
        self._clock = clock or ServerClock()
        self._label = label
        self._cadence = Cadence()
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

    def expect(self, rates: Mapping[str, float]) -> None:
        """Set the *rates* of the feeds, from a welcome."""
        self._cadence.begin(rates)

    def add(self, message: Message, epoch: str, stamp: Stamp, line: str) -> None:
        """Add a new message and its line; the block must not be full."""
        draft = self._draft
        draft.stamps.append(stamp)
        draft.lines.append(line)
        draft.due.append(message.at)
        self._cadence.take(message.feed, message.offset, message.at)
        self._range(message.feed, message.offset).add(
            message.offset, epoch, message.crc, message.at
        )

    def add_gap(self, gap: Gap, line: str) -> None:
        """Add a gap and its line."""
        self._draft.lines.append(line)
        self._range(gap.feed, gap.first).add_gap(gap)

    def add_duplicate(self, feed: str, line: str) -> None:
        """Count a duplicate of *feed*; keep the *line* of the first ones."""
        self._duplicates[feed] += 1
        self._draft.dropped += 1
        if self._draft.dropped <= NOTED_DUPLICATES:
            self._draft.lines.append(line)

    def interrupt(self) -> None:
        """Mark a block that has begun as interrupted, by a lost connection or a late message."""
        self._draft.interrupted |= self.count > 0

    def finish(self, positions: Mapping[str, Position]) -> Block:
        """Return the full block and begin the next one."""
        draft, number = self._draft, self.number
        first, last = draft.stamps[0], draft.stamps[-1]
        seconds = round(last.monotonic - first.monotonic, 6)
        latencies = tuple(map(self._latency, draft.stamps, draft.due))
        report = Report(
            block=number,
            text=str(Sentence(self._session.client, number, seconds)),
            feeds=self._finish_ranges(),
            size=self.count,
            seconds=seconds,
            started_at=first.wall_us,
            finished_at=last.wall_us,
            latency=summarise(latencies),
            interrupted=draft.interrupted,
            clock=self._clock.between(first, last),
            label=self._label,
        )
        self._draft = _Draft()
        self.number += 1
        return Block(
            report=report,
            lines=tuple(draft.lines),
            latencies=latencies,
            positions=positions,
            due=(min(draft.due), max(draft.due)),
            rates=self._cadence.finish(),
        )

    def _latency(self, stamp: Stamp, due: int) -> float:
        """Return the seconds from an intended time to a receipt, by the server's clock."""
        return round(stamp.wall_us + self._clock.ahead_us(stamp) - due) / 1_000_000

    def _range(self, feed: str, first: int) -> RangeBuilder:
        return self._draft.ranges.setdefault(feed, RangeBuilder(first))

    def _finish_ranges(self) -> dict[str, FeedRange]:
        held = self._draft.ranges
        return {
            feed: held[feed].finish(self._duplicates.pop(feed, 0))
            for feed in self._session.feeds
            if feed in held and not held[feed].is_empty
        }
