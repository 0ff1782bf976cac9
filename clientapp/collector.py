"""
The path of a frame through the client: to blocks, log and reports.

The order guarantees that nothing is lost: a block is written, then synced, then
reported, then acknowledged, then forgotten.
"""

from __future__ import annotations

from .core import events
from .core.block import BlockBuilder
from .core.catchup import CatchUp
from .core.errors import BadUsage, CouldNot
from .core.protocol import ClientProtocol, Duplicate
from .core.serverclock import ServerClock
from .core.session import Session
from .core.stamp import Stamp
from .core.tally import Tally
from .log.format import format_duplicate, format_gap, select_members
from .log.log import Log
from .reporting import Reporting
from .wire.errors import MalformedMessage
from .wire.from_server import Ack, Control, Explain, Failure, Gap, Heartbeat, Notice
from .wire.message import Message
from .wire.names import key_prefix
from .wire.welcome import Welcome


class Collector:
    """
    The listener of a session: it collects and logs the messages.

    Its reports go to *reporting*. After *blocks* blocks it accepts no more
    messages, and waits for the remaining acknowledgements as long as some arrive.
    """

    heard_at = 0.0
    """Receipt of the last new message, by the monotonic clock; 0: none yet."""

    def __init__(
        self,
        session: Session,
        protocol: ClientProtocol,
        log: Log,
        tally: Tally,
        observer: events.Observer,
        *,
        builder: BlockBuilder,
        clock: ServerClock,
        reporting: Reporting,
        blocks: int | None,
        console: bool,
    ) -> None:
        self._session = session
        self._protocol = protocol
        self._log = log
        self._tally = tally
        self._observer = observer
        self._reporting = reporting
        self._blocks = blocks
        self._console = console
        self._builder = builder
        self._clock = clock
        self._catch_up = CatchUp()
        self._notices: dict[str, str] = {}
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether no more messages are accepted."""
        return self._is_closed

    def close(self) -> None:
        """Accept no more messages; acknowledgements still count."""
        self._is_closed = True
        self._reporting.expect_no_more()

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Handle one frame of the server."""
        self._clock.receive(frame, stamp)
        for meaning in self._protocol.receive(frame):
            match meaning:
                case Message() if not self._is_closed:
                    self._take(meaning, stamp)
                case Gap() if not self._is_closed:
                    self._note_gap(meaning)
                case Duplicate():
                    self._builder.add_duplicate(meaning.feed, format_duplicate(meaning))
                    self._tally.duplicates += 1
                case Welcome():
                    self._begin(meaning, stamp)
                case Notice():
                    self._note(meaning.text)
                case Ack() | Explain() | Failure() | Heartbeat():
                    self._reporting.receive(meaning)

    def lost(self, reason: str) -> None:
        """Mark the block being collected as interrupted, and show *reason*."""
        self._builder.interrupt()
        self._reporting.lost()
        self._observer.show(events.Disconnected(reason=reason))

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Show the reason for the missing connection, and the delay of the next attempt."""
        self._observer.show(
            events.Waiting(url=self._session.url, reason=reason, seconds=seconds, attempt=attempt)
        )

    def _begin(self, welcome: Welcome, stamp: Stamp) -> None:
        session = self._session
        _check_select(session, welcome)
        if welcome.blocks >= self._builder.number:
            raise CouldNot(
                f"the server has {welcome.blocks} blocks of this session, but the log "
                f"{self._log.path} has {self._builder.number - 1}; choose another one with --log"
            )
        if self._log.session != session:
            self._log.begin(session)
        self._catch_up.begin(welcome, stamp.monotonic)
        self._builder.expect({feed: welcome.feeds[feed].rate for feed in session.feeds})
        self._reporting.begin(welcome.blocks)
        self._tally.connects += 1
        self._observer.show(
            events.Connected(
                url=session.url,
                client=session.client,
                session=key_prefix(session.session),
                feeds=session.feeds,
                block_size=session.block_size,
                blocks=welcome.blocks,
            )
        )

    def _take(self, message: Message, stamp: Stamp) -> None:
        data = select_members(message.data, self._session.select)
        try:
            line = self._log.format(message, data, stamp)
        except (ValueError, RecursionError) as error:
            self._protocol.take_back(message)
            raise MalformedMessage(f"{message.feed} {message.offset}: {error}") from None
        self._builder.add(message, self._protocol.epoch(message.feed), stamp, line)
        if self._catch_up.takes(message, stamp.monotonic):
            self._builder.interrupt()
        self._tally.messages += 1
        self._tally.in_block = self._builder.count
        self.heard_at = stamp.monotonic
        if self._console:
            self._observer.show(
                events.Received(
                    feed=message.feed,
                    offset=message.offset,
                    at=message.at,
                    received_at=stamp.wall_us,
                    data=data,
                )
            )
        if self._builder.is_full:
            self._complete()

    def _complete(self) -> None:
        block = self._builder.finish(self._protocol.positions)
        size = self._log.append(block)
        report = block.report
        self._reporting.send(report)
        self._tally.add_block(block)
        self._observer.show(
            events.Completed(
                block=report.block,
                text=report.text,
                feeds=report.feeds,
                size=report.size,
                seconds=report.seconds,
                started_at=report.started_at,
                latency=report.latency,
                clock=report.clock,
                interrupted=report.interrupted,
                bytes=size,
            )
        )
        if self._tally.blocks == self._blocks:
            self.close()
            self._reporting.give_up_later()

    def _note_gap(self, gap: Gap) -> None:
        self._builder.add_gap(gap, format_gap(gap))
        self._tally.gaps += max(0, gap.last - gap.first + 1)
        self._observer.show(
            events.Missed(
                feed=gap.feed, first=gap.first, last=gap.last, epoch=gap.epoch, cause=gap.cause
            )
        )

    def _note(self, text: str) -> None:
        """Show a notice, unless it repeats the last one about the same feed."""
        subject = next((feed for feed in self._session.feeds if f"feed {feed} " in text), "")
        if self._notices.get(subject) != text:
            self._notices[subject] = text
            self._observer.show(events.Noticed(text=text))


def _check_select(session: Session, welcome: Welcome) -> None:
    allowed = {name: None for feed in session.feeds for name in welcome.feeds[feed].fields}
    for name in session.select:
        if name not in allowed:
            no_fields = f"records of {' and '.join(session.feeds)} have no fields"
            rule = f"use one of: {', '.join(allowed)}" if allowed else no_fields
            raise BadUsage(f"--select {name!r} is not allowed; {rule}")
