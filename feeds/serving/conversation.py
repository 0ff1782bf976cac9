"""
One connection of a session while it is served: what it says and is told.

Data goes from the hub to the writer without passing here. Everything that a
client says is printed the moment it comes, recorded, and acknowledged after
the commit. A plain client is told nothing: the hub writes no control to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from clientapp.wire.codec import encode
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
from clientapp.wire.request import PARAMETERS, Request
from clientapp.wire.sentence import Sentence
from feeds.core.form import Form
from feeds.core.frames import frame
from feeds.core.subscriber import Writer
from feeds.running.clock import now_us
from feeds.serving.admission import Admission
from feeds.serving.node import Node
from feeds.serving.receipts import Receipts
from feeds.serving.sentences import Sentences
from feeds.storing.facts import Closed, Opened, Said

log = logging.getLogger("feeds.clients")


class LiveConnection:
    """A connection from its welcome to its end."""

    def __init__(
        self,
        node: Node,
        request: Request,
        admission: Admission,
        *,
        form: Form,
        writer: Writer,
        channel: str,
        peer: str,
    ) -> None:
        self._node = node
        self._request = request
        self._form = form
        self._key = admission.key
        self._channel = channel
        self._peer = peer
        self._receipts = Receipts(node, request, admission.key, self.tell)
        self._left = False
        self._is_recorded = False
        # No await from here on: the cursors are those that admission read.
        self._subscriber = subscriber = node.hub.subscribe(writer, admission.cursors, form)
        self._sentences = Sentences(
            node,
            request,
            admission.key,
            written=lambda: node.hub.written(subscriber),
            tell=self.tell,
        )
        node.presence.enter(self._subscriber, channel, admission.key)
        self._greet(admission)

    def record_opening(self, replaced: Callable[[tuple[str, ...]], None]) -> bool:
        """
        Print and record that the connection is open.

        Returns False where that cannot be recorded: then nothing that the
        client says can be kept, and the connection must end.

        *replaced* is called with the channel names of the session's older
        connections, once the database knows of this one.
        """
        request = self._request
        has_size = request.declares_size or self._form.has_controls
        size = request.block_size if has_size else 0
        log.info(
            "%s connected from %s: feeds %s, blocks of %s, session %s",
            request.client,
            self._peer,
            " and ".join(request.feeds),
            size or "any size",
            key_prefix(self._key),
        )
        for unknown in request.unknown:
            log.info("%s: parameter %r is ignored", request.client, printable(unknown)[:80])
        fact = Opened(
            session=self._key,
            client=request.client,
            feeds=request.feeds,
            block_size=size,
            server=self._node.name,
            channel=self._channel,
            peer=self._peer,
            at=datetime.now(UTC),
        )
        self._is_recorded = self._node.recorder.record(
            fact, lambda outcome: replaced(outcome.replaced)
        )
        return self._is_recorded

    def tell(self, control: Control) -> None:
        """Send a control, in order with the data; a plain client gets none."""
        if self._form.has_controls:
            self._node.hub.write(self._subscriber, frame(encode(control.write()).encode()))

    def refuse(self, failure: Failure) -> None:
        """Tell, and print, why something was not taken."""
        log.info("%s: refused: %s", self._sentences.client, printable(failure.text))
        self.tell(failure)

    def notify(self, text: str) -> None:
        """Tell a sentence, unless the client is behind: then it would come late."""
        if not self._subscriber.blocked:
            self.tell(Notice(text=text))

    def held(self) -> None:
        """Give no more data until `drained`: the writer holds something back."""
        self._node.hub.held(self._subscriber)

    def drained(self) -> None:
        """Go on with the data: the writer has sent all it held."""
        self._node.hub.drained(self._subscriber)

    async def receive(self, text: str) -> bool:
        """Take what the client said; return False once it said goodbye."""
        try:
            said = self._read(text)
        except MalformedMessage as error:
            text = str(error)
            self.tell(Failure(code="malformed", text=text, retryable=False, block=error.block))
            return True
        match said:
            case Ping():
                self.tell(Pong(t0=said.t0, now=now_us()))
            case Report():
                await self._receipts.take(said)
            case Sentence():
                self._sentences.take(said, text.strip())
            case Explained():
                await self._receipts.take_explanation(said)
            case Text():
                self._take_text(said.text)
            case Bye():
                self._left = True
        return not self._left

    def stop_serving(self) -> None:
        """Send no more data; what has begun still leaves."""
        self._node.hub.unsubscribe(self._subscriber)
        self._node.presence.leave(self._subscriber)

    def record_end(self, code: int, reason: str) -> None:
        """Print that the connection has ended, and record it if its opening was."""
        how = "left" if self._left else f"disconnected with code {code}"
        why = f" ({reason})" if reason else ""
        log.info("%s %s%s, session %s", self._sentences.client, how, why, key_prefix(self._key))
        if self._is_recorded:
            self._node.recorder.record(
                Closed(
                    session=self._key,
                    channel=self._channel,
                    code=code,
                    reason=reason[:200],
                    left=self._left,
                    at=datetime.now(UTC),
                )
            )

    def _read(self, text: str) -> FromClient:
        return read_from_client(text) if self._form.has_controls else read_from_plain_client(text)

    def _greet(self, admission: Admission) -> None:
        self.tell(admission.welcome)
        for unknown in self._request.unknown:
            shown = printable(unknown)[:80]
            known = ", ".join(PARAMETERS)
            self.tell(Notice(text=f"parameter {shown!r} is ignored; known are {known}"))
        for name, state in admission.welcome.feeds.items():
            if not state.running:
                self.tell(Notice(text=self._node.catalog.feeds[name].sentence(now_us())))
        for gap in admission.gaps:
            self.tell(gap)

    def _take_text(self, text: str) -> None:
        longest = self._node.limits.text_characters
        if len(text) > longest:
            text = f"{text[:longest]} … and {len(text) - longest} more characters"
        log.info("%s says: %s", self._sentences.client, printable(text))
        kept = text.replace("\0", "\\x00")  # PostgreSQL stores no NUL
        if not self._node.recorder.record(Said(session=self._key, text=kept, at=datetime.now(UTC))):
            self.tell(Failure(code="busy", text="the text was not kept", retryable=True))
