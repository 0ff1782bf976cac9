"""
Server and client without the layers between them: the model for `test_crown`.

All logic is the product's own: sources of lines, schedule, hub, prefixes and judgement on the
server's side; protocol, blocks and the log in memory on the client's side. Loop, socket and
database are lists, which lose, delay and repeat data on demand.
"""

from __future__ import annotations

from collections.abc import Iterator

from clientapp.core.block import Block, BlockBuilder
from clientapp.core.outbox import Outbox
from clientapp.core.protocol import ClientProtocol, Duplicate
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.log.memorylog import MemoryLog
from clientapp.wire import codec, digest
from clientapp.wire.from_client import read_from_client
from clientapp.wire.from_server import Ack, Gap, read_from_server
from clientapp.wire.message import Message, make_line
from clientapp.wire.report import FeedRange, Report
from clientapp.wire.request import Request
from clientapp.wire.welcome import FeedState, Welcome
from feeds.core import judgement
from feeds.core.frames import frame, payloads
from feeds.core.hub import Hub
from feeds.core.judgement import Judgement
from feeds.core.limits import Limits
from feeds.core.lines import make_frames
from feeds.core.prefixes import Prefixes
from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.core.start import start
from feeds.core.subscriber import Subscriber
from feeds.fanout.passes import python_pass
from tests.support.hub_parts import ByHand, Recoveries

LIMITS = Limits(recent_messages=6, write_bytes=400, cohort_size=2, recent_digests=9)
"""Small limits, so that the past is soon forgotten."""
STEP = 4
"""Messages that are regenerated in one step."""


class Feed:
    """The truth: the contents of a feed, by its recipe and its schedule."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.promised = 0
        self.segments: list[Segment] = []
        self.foreign: set[str] = set()
        """Epochs that no server can regenerate."""
        self.begin(seed=1, rate=1000)

    @property
    def schedule(self) -> Schedule:
        """All segments so far."""
        return Schedule(self.segments)

    def begin(self, seed: int, rate: int) -> None:
        """Start another segment after the promise, as a generator does."""
        segment = Segment(
            recipe=Recipe(kind="fake", spec="{}", seed=seed),
            epoch=f"{seed:012x}",
            first=self.promised + 1,
            started_us=self.promised * 1_000_000,
            rate_milli=rate,
        )
        if self.segments and self.segments[-1].first == segment.first:
            self.segments.pop()
        self.segments.append(segment)

    def lines(self, first: int, last: int) -> list[bytes]:
        """Return the lines of offsets that exist."""
        schedule = self.schedule
        return [
            make_line(self.name, at, schedule.at(at), b'"%d of %d"' % (at, self._seed(at)))
            for at in range(first, last + 1)
        ]

    def epoch_at(self, offset: int) -> str:
        """Return the epoch of *offset*, which may be ahead of the feed."""
        return self.schedule.segment(offset).epoch

    def can_be_made(self, offset: int) -> bool:
        """Tell whether a server can regenerate the message at *offset*."""
        return self.epoch_at(offset) not in self.foreign

    def _seed(self, offset: int) -> int:
        return self.schedule.segment(offset).recipe.seed


class Server:
    """One server process, from start to end."""

    def __init__(self, feeds: dict[str, Feed], stored: dict[tuple[str, int], Judgement]) -> None:
        """Create a server; *stored* is the database, which outlives the process."""
        self._feeds = feeds
        self._stored = stored
        self._prefixes: dict[str, Prefixes] = {}
        self._waiting = Recoveries()
        self.hub = Hub(LIMITS, python_pass, self._waiting, ByHand())
        for feed in feeds.values():
            self.hub.open_stream(feed.name, feed.promised)

    def take(self, name: str, first: int, count: int) -> None:
        """Receive a batch; regenerate missing messages before it, as `Node` does."""
        stream = self.hub.streams[name]
        if first > stream.head + 1:
            self.fill(name, first - 1)
        start = stream.head + 1
        if first <= start < first + count:
            self._append(name, start, self._feeds[name].lines(start, first + count - 1))

    def fill(self, name: str, last: int) -> None:
        """Regenerate the messages that the stream lacks up to *last*, or restart it there."""
        stream, feed = self.hub.streams[name], self._feeds[name]
        while stream.head < last:
            if not feed.can_be_made(stream.head + 1):
                self.hub.restart(name, last)
                return
            self._append(name, stream.head + 1, feed.lines(stream.head + 1, stream.head + 1))

    def work(self, turns: int) -> bool:
        """Give the hub and the recovery *turns* turns; tell whether all work is done."""
        hub = self.hub.turns()
        for _ in range(turns):
            if next(hub, self) is self:
                if not self._waiting.asked:
                    return True
                self._recover(*self._waiting.asked.pop(0))
                hub = self.hub.turns()
        return False

    def admit(self, request: Request) -> tuple[dict[str, int], Welcome]:
        """Return the starting position of a connection and its welcome."""
        cursors: dict[str, int] = {}
        states: dict[str, FeedState] = {}
        for name in request.feeds:
            after = request.after.get(name)
            if after is not None:
                self.fill(name, after.offset)
            head = self.hub.streams[name].head
            at, gap = start(name, self._feeds[name].epoch_at, head, after)
            assert gap is None, gap
            cursors[name] = at.offset
            states[name] = FeedState(
                epoch=at.epoch,
                offset=at.offset,
                rate=1.0,
                running=True,
                fields=(),
            )
        return (
            cursors,
            Welcome(
                session=request.session or "",
                feeds=states,
                blocks=self._stored_blocks(request.session or ""),
                limits={},
                heartbeat=10.0,
            ),
        )

    def answer(self, session: str, text: str) -> Ack | None:
        """Receive a frame of a client; return the acknowledgement of a report."""
        said = read_from_client(text)
        if not isinstance(said, Report):
            return None
        for name, part in said.feeds.items():
            epoch_at = self._feeds[name].epoch_at
            assert part.epoch in (epoch_at(part.last), epoch_at(part.last + 1)), part
        found = judgement.of_all(self._judge(name, part) for name, part in said.feeds.items())
        kept = self._stored.setdefault((session, said.block), found)
        return Ack(block=said.block, verdict=kept.verdict, reason=kept.reason)

    def _stored_blocks(self, session: str) -> int:
        blocks = 0
        while (session, blocks + 1) in self._stored:
            blocks += 1
        return blocks

    def _append(self, name: str, first: int, lines: list[bytes]) -> None:
        frames = make_frames(name, self._feeds[name].schedule, first, lines)
        self.hub.publish(name, first, frames)
        known = self._prefixes.setdefault(name, Prefixes(first - 1, LIMITS.recent_digests))
        if known.head != first - 1:
            known.restart(first - 1)
        known.extend(lines)

    def _recover(self, reader: Subscriber, name: str) -> None:
        if reader not in self.hub.subscribers:
            return
        feed, first = self._feeds[name], reader.cursors[name] + 1
        last = min(self.hub.streams[name].first - 1, first + STEP - 1)
        makeable = [at for at in range(first, last + 1) if feed.can_be_made(at)]
        if not feed.can_be_made(first):
            last = (makeable or [last + 1])[0] - 1
            epoch = feed.schedule.segment(min(last + 1, feed.promised)).epoch
            lost = Gap(feed=name, first=first, last=last, epoch=epoch, cause="unavailable")
            self.hub.skip(reader, name, last, frame(codec.encode(lost.write()).encode()))
            return
        while not feed.can_be_made(last):
            last -= 1
        frames = make_frames(name, feed.schedule, first, feed.lines(first, last))
        self.hub.recovered(reader, name, last, b"".join(frames))

    def _judge(self, name: str, part: FeedRange) -> Judgement:
        feed = self._feeds[name]
        found = judgement.judge_by_count(name, part)
        if found is not None:
            return found
        known = self._prefixes.get(name)
        expected = known.between(part.first, part.last) if known else None
        if expected is None:
            if not all(map(feed.can_be_made, range(part.first, part.last + 1))):
                return judgement.cannot_be_made(name, part)
            expected = digest.digest_of(feed.lines(part.first, part.last))
        return judgement.judge_by_digest(name, part, expected)


class Client:
    """A client: its connection, and the log that outlives its process."""

    descriptor = -1
    """Everything is sent to it by `write`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.journal: list[Block] = []
        """The complete blocks, as in its log."""
        self.log = MemoryLog()
        self._server: Server | None = None
        self._subscriber: Subscriber | None = None
        self._wire: list[bytes] = []
        self.is_slow = False
        self.duplicates = 0
        self._clock = 0
        self.start()

    def start(self) -> None:
        """Start a process, which knows only the contents of the log."""
        self.hang_up()
        last = self.log.last
        positions = None if last is None else last.positions
        self.protocol = ClientProtocol(self.session, positions)
        self._outbox = Outbox()
        self._builder = BlockBuilder(self.session, 1 if last is None else last.report.block + 1)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._server is not None

    def connect(self, server: Server) -> None:
        """Connect again; data in transit is lost."""
        self.hang_up()
        self._outbox.connect()
        cursors, welcome = server.admit(self.protocol.connect())
        self._server = server
        self._subscriber = server.hub.subscribe(self, cursors)
        self._wire.append(codec.encode(welcome.write()).encode())

    def hang_up(self) -> None:
        """Lose the connection with all data in transit."""
        if self._server is not None and self._subscriber is not None:
            self._server.hub.unsubscribe(self._subscriber)
            self._builder.interrupt()
        self._server = self._subscriber = None
        self._wire = []

    def write(self, frames: bytes) -> bool:
        """Receive frames of the hub; a slow client's socket is full afterwards."""
        self._wire += payloads(frames)
        return not self.is_slow

    def drain(self) -> None:
        """Tell the hub that the socket is empty."""
        self.is_slow = False
        if self._server is not None and self._subscriber is not None:
            self._server.hub.drained(self._subscriber)

    def deliver(self, count: int) -> None:
        """Receive the next *count* frames."""
        arrived, self._wire = self._wire[:count], self._wire[count:]
        for text in arrived:
            said = read_from_server(text)
            assert said is not None
            for meaning in self.protocol.receive(said):
                self._take(meaning)

    def report(self, *, is_answered: bool) -> Iterator[Ack]:
        """Send all pending frames; yield each acknowledgement that arrives."""
        if self.protocol.welcome is None:
            return
        for report in self._outbox.take():
            if self._server is None:
                return
            ack = self._server.answer(self.session.session, codec.encode(report.write()))
            if ack is not None and is_answered:
                assert self.protocol.receive(ack) == [ack]
                for known in self._outbox.acknowledge(ack):
                    self.log.note(known)
                    yield known

    def _take(self, meaning: object) -> None:
        match meaning:
            case Message():
                self._clock += 1
                stamp = Stamp(self._clock * 1_000_000, float(self._clock))
                line = f"{meaning.feed} {meaning.offset} {meaning.data} {meaning.crc:08x}"
                self._builder.add(meaning, self.protocol.epoch(meaning.feed), stamp, line)
                if self._builder.is_full:
                    block = self._builder.finish(self.protocol.positions)
                    self.log.append(block)
                    self.journal.append(block)
                    self._outbox.add(block.report)
            case Gap():
                span = f"gap {meaning.feed} {meaning.first} {meaning.last} {meaning.cause}"
                self._builder.add_gap(meaning, span)
            case Duplicate():
                self.duplicates += 1
                self._builder.add_duplicate(meaning.feed, f"again {meaning.feed} {meaning.offset}")
            case Welcome():
                self._outbox.repeat(1)
                for report in self.log.reports_above(min(meaning.blocks, self.log.judged)):
                    self._outbox.add(report)
