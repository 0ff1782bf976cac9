"""
The conversation with one client: its messages and the server's controls.

Data goes from the hub to the writer without passing here. Reports and texts are
logged on receipt and recorded, texts up to a rate. Reports are acknowledged after
the commit. A plain client gets no controls: the hub writes none to it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clientapp.wire.errors import MalformedMessage
from clientapp.wire.from_client import (
    Bye,
    Explained,
    FromClient,
    Ping,
    Text,
    read_from_client,
    read_from_plain_client,
)
from clientapp.wire.from_server import Control, Failure, Notice, Pong
from clientapp.wire.names import key_prefix
from clientapp.wire.printable import printable
from clientapp.wire.report import Report
from clientapp.wire.request import PARAMETERS
from clientapp.wire.sentence import Sentence
from feeds.layer.replacer import Replacer
from feeds.running.clock import now_us
from feeds.serving.admission import Admission
from feeds.serving.caller import Caller
from feeds.serving.outlet import Outlet
from feeds.serving.reports import Reports
from feeds.serving.sentences import Sentences
from feeds.serving.texts import Texts
from feeds.storing.facts import Closed, Opened, Outcome
from feeds.storing.presence import Presence
from feeds.storing.recorder import Recorder


class Conversation:
    """A granted connection, from its welcome to its end."""

    def __init__(
        self,
        caller: Caller,
        admission: Admission,
        outlet: Outlet,
        *,
        reports: Reports,
        sentences: Sentences,
        texts: Texts,
        presence: Presence,
        recorder: Recorder,
        replacer: Replacer,
    ) -> None:
        """Welcome the *caller*."""
        self._caller = caller
        self._outlet = outlet
        self._reports = reports
        self._sentences = sentences
        self._texts = texts
        self._presence = presence
        self._recorder = recorder
        self._replacer = replacer
        self._left = False
        self._is_served = True
        self._is_recorded = False
        presence.enter(outlet.subscriber, caller.channel, caller.key)
        self._greet(admission)

    def record_opening(self) -> bool:
        """
        Log and record the opening; then end older connections of the session.

        Returns False if it cannot be recorded: then nothing that the client sends
        can be stored, and the connection must end.
        """
        request = self._caller.request
        has_size = request.declares_size or self._outlet.has_controls
        size = request.block_size if has_size else 0
        self._caller.log.info(
            "%s connected from %s: feeds %s, blocks of %s, session %s",
            request.client,
            self._caller.peer,
            " and ".join(request.feeds),
            size or "any size",
            key_prefix(self._caller.key),
        )
        for unknown in request.unknown:
            self._caller.log.info(
                "%s: parameter %r is ignored", request.client, printable(unknown)[:80]
            )
        fact = Opened(
            session=self._caller.key,
            client=request.client,
            feeds=request.feeds,
            block_size=size,
            server=self._presence.server,
            channel=self._caller.channel,
            peer=self._caller.peer,
            at=datetime.now(UTC),
        )
        self._is_recorded = self._recorder.record(fact, self._opened)
        return self._is_recorded

    def tell(self, control: Control) -> None:
        """Send a control, in order with the data; a plain client gets nothing."""
        self._outlet.tell(control)

    def refuse(self, failure: Failure) -> None:
        """Send the *failure* to the client; if there are many, log only some."""
        self._texts.refuse(failure)

    def notify(self, text: str) -> None:
        """Send a notice, unless the client is behind: it would arrive late."""
        if not self._outlet.is_blocked:
            self.tell(Notice(text=text))

    async def receive(self, text: str) -> bool:
        """Handle a message from the client; return False once it has said goodbye."""
        try:
            said = self._read(text)
        except MalformedMessage as error:
            text = str(error)
            self.refuse(Failure(code="malformed", text=text, retryable=False, block=error.block))
            return True
        match said:
            case Ping():
                self.tell(Pong(t0=said.t0, now=now_us()))
            case Report():
                await self._reports.take(said)
            case Sentence():
                self._sentences.take(said, text.strip())
            case Explained():
                await self._reports.take_explanation(said)
            case Text():
                self._texts.take(said.text)
            case Bye():
                self._left = True
        return not self._left

    @property
    def is_flooded(self) -> bool:
        """Whether the client sent so many refused messages that it must be disconnected."""
        return self._texts.is_flooded

    def stop_serving(self) -> None:
        """Send no more data; frames already begun are still sent."""
        self._is_served = False
        self._outlet.close()
        self._presence.leave(self._outlet.subscriber)

    def record_end(self, code: int, reason: str) -> None:
        """Log the end of the connection, and record it if its opening was recorded."""
        self._texts.end()
        how = "left" if self._left else f"disconnected with code {code}"
        why = f" ({reason})" if reason else ""
        self._caller.log.info(
            "%s %s%s, session %s", self._sentences.client, how, why, key_prefix(self._caller.key)
        )
        self._caller.log.tell()
        if self._is_recorded:
            self._recorder.record(
                Closed(
                    session=self._caller.key,
                    channel=self._caller.channel,
                    code=code,
                    reason=reason[:200],
                    left=self._left,
                    at=datetime.now(UTC),
                )
            )

    def _opened(self, outcome: Outcome) -> None:
        # An opening stored late, after its end, may have replaced the connection in use.
        if self._is_served:
            self._replacer.end(outcome.replaced)

    def _read(self, text: str) -> FromClient:
        return read_from_client(text) if self._outlet.has_controls else read_from_plain_client(text)

    def _greet(self, admission: Admission) -> None:
        self.tell(admission.welcome)
        for unknown in self._caller.request.unknown:
            shown = printable(unknown)[:80]
            known = ", ".join(PARAMETERS)
            self.tell(Notice(text=f"parameter {shown!r} is ignored; known are {known}"))
        for text in admission.notices:
            self.tell(Notice(text=text))
        for gap in admission.gaps:
            self.tell(gap)
