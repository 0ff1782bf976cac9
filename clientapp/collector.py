"""
What the client does with a frame: from messages to blocks, log and reports.

Order that keeps the promise: a block is written, then synced, then reported,
then acknowledged, then forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from clientapp.core import events
from clientapp.core.block import Block, BlockBuilder
from clientapp.core.errors import BadUsage, CouldNot
from clientapp.core.logtext import format_duplicate, format_gap, select_members
from clientapp.core.protocol import ClientProtocol, Duplicate
from clientapp.core.serverclock import ServerClock
from clientapp.core.session import Session
from clientapp.core.stamp import Stamp
from clientapp.core.tally import Tally
from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_client import explanations
from clientapp.wire.from_server import Ack, Control, Explain, Failure, Gap, Notice
from clientapp.wire.message import Message
from clientapp.wire.names import key_prefix
from clientapp.wire.report import Report
from clientapp.wire.verdict import Verdict
from clientapp.wire.welcome import Welcome

ACK_SECONDS = 10
"""Without an acknowledgement, after the last block asked for: then there will be none."""
BUSY_SECONDS = 1
"""Before reports are sent again that the server could not take."""


class Log(Protocol):
    """Where a client keeps its blocks; `BlockLog` says what each part owes."""

    path: Path

    @property
    def session(self) -> Session | None: ...  # noqa: D102
    @property
    def judged(self) -> int: ...  # noqa: D102
    def begin(self, session: Session) -> None: ...  # noqa: D102
    def line(self, message: Message, data: Any, stamp: Stamp) -> str: ...  # noqa: D102
    def append(self, block: Block) -> int: ...  # noqa: D102
    def note(self, ack: Ack) -> None: ...  # noqa: D102
    def checksums(self, number: int) -> dict[str, list[tuple[int, int]]]: ...  # noqa: D102
    def reports_above(self, number: int) -> list[Report]: ...  # noqa: D102


class Collector:
    """
    Takes what the server says, and keeps it.

    *wake* is called when the protocol has something to send. After *blocks*
    blocks nothing more is taken; *finished* is called once all is
    acknowledged, or nothing more is for long.
    """

    def __init__(
        self,
        session: Session,
        protocol: ClientProtocol,
        log: Log,
        tally: Tally,
        show: Callable[[events.Event], None],
        *,
        builder: BlockBuilder,
        clock: ServerClock,
        blocks: int | None,
        console: bool,
        wake: Callable[[], None],
        finished: Callable[[], None],
    ) -> None:
        self._session = session
        self._protocol = protocol
        self._log = log
        self._tally = tally
        self._show = show
        self._blocks = blocks
        self._console = console
        self._wake = wake
        self._finished = finished
        self._builder = builder
        self._clock = clock
        self._notices: dict[str, str] = {}
        self._broken: set[int] = set()
        self._is_closed = False
        self._repeat_from: int | None = None
        """The first block to report again after the pause; None: no pause."""
        self._giving_up: asyncio.TimerHandle | None = None
        """Set anew with each acknowledgement after the last block; None: it is not there."""

    def close(self) -> None:
        """Take no more messages; acknowledgements still count."""
        self._is_closed = True

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Take one frame of the server."""
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
                    self._begin(meaning)
                case Ack():
                    self._note_verdict(meaning)
                case Explain():
                    self._explain(meaning.block)
                case Notice():
                    self._note(meaning.text)
                case Failure():
                    self._note_failure(meaning)

    def lost(self, reason: str) -> None:
        """Note in the block being collected that it was interrupted."""
        self._builder.interrupt()
        self._show(events.Disconnected(reason=reason))

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Tell what the client waits for."""
        url = self._session.url
        self._show(events.Waiting(url=url, reason=reason, seconds=seconds, attempt=attempt))

    def _begin(self, welcome: Welcome) -> None:
        session = self._session
        _check_select(session, welcome)
        if welcome.blocks >= self._builder.number:
            raise CouldNot(
                f"the server has {welcome.blocks} blocks of this session, but the log "
                f"{self._log.path} has {self._builder.number - 1}; choose another one with --log"
            )
        if self._log.session != session:
            self._log.begin(session)
        # What the server has and the log knows no verdict of is asked for again.
        for report in self._log.reports_above(min(welcome.blocks, self._log.judged)):
            self._protocol.report(report)
        self._wake()
        self._tally.connects += 1
        self._show(
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
            line = self._log.line(message, data, stamp)
        except (ValueError, RecursionError) as error:
            raise MalformedMessage(f"{message.feed} {message.offset}: {error}") from None
        self._builder.add(message, self._protocol.epoch(message.feed), stamp, line)
        self._tally.messages += 1
        self._tally.in_block = self._builder.count
        if self._console:
            self._show(
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
        self._protocol.report(report)
        self._wake()
        self._tally.add_block(block)
        self._show(
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
            self._give_up_later()

    def _note_gap(self, gap: Gap) -> None:
        self._builder.add_gap(gap, format_gap(gap))
        self._tally.gaps += max(0, gap.last - gap.first + 1)
        self._show(
            events.Missed(
                feed=gap.feed, first=gap.first, last=gap.last, epoch=gap.epoch, cause=gap.cause
            )
        )

    def _note_verdict(self, ack: Ack) -> None:
        """Keep what the server found; a second verdict takes the place of the first."""
        self._log.note(ack)
        if ack.block not in self._broken:
            self._tally.verdicts[ack.verdict] += 1
        if ack.verdict == Verdict.BROKEN:
            self._broken.add(ack.block)
        self._show(events.Acknowledged(block=ack.block, verdict=ack.verdict, reason=ack.reason))
        self._finish_when_acknowledged()
        if self._giving_up is not None:
            self._give_up_later()

    def _explain(self, block: int) -> None:
        self._protocol.explain(explanations(block, self._log.checksums(block)))
        self._wake()

    def _note(self, text: str) -> None:
        """Show a notice unless it is what the server said last of that feed."""
        subject = next((feed for feed in self._session.feeds if f"feed {feed} " in text), "")
        if self._notices.get(subject) != text:
            self._notices[subject] = text
            self._show(events.Noticed(text=text))

    def _note_failure(self, failure: Failure) -> None:
        block = failure.block
        if failure.retryable:
            self._warn(failure)
            self._repeat_later(1 if block is None else block)
        elif block is None:
            self._warn(failure)
        elif self._protocol.refuse(block):
            self._warn(failure)
            self._finish_when_acknowledged()

    def _warn(self, failure: Failure) -> None:
        self._show(events.Warned(text=f"{failure.code}: {failure.text}"))

    def _repeat_later(self, first: int) -> None:
        # One pause for all that is refused during it.
        if self._repeat_from is None:
            asyncio.get_running_loop().call_later(BUSY_SECONDS, self._repeat)
            self._repeat_from = first
        self._repeat_from = min(self._repeat_from, first)

    def _repeat(self) -> None:
        assert self._repeat_from is not None
        self._protocol.repeat(self._repeat_from)
        self._repeat_from = None
        self._wake()

    def _give_up_later(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
        self._giving_up = asyncio.get_running_loop().call_later(ACK_SECONDS, self._finished)

    def _finish_when_acknowledged(self) -> None:
        if self._is_closed and self._protocol.unacknowledged == 0:
            self._finished()


def _check_select(session: Session, welcome: Welcome) -> None:
    allowed = {name: None for feed in session.feeds for name in welcome.feeds[feed].fields}
    for name in session.select:
        if name not in allowed:
            rule = ", ".join(allowed) or f"the records of {' and '.join(session.feeds)} stay whole"
            raise BadUsage(f"--select {name!r} is not allowed: {rule}")
