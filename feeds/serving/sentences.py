"""
The sentences of one connection: what a client without receipts reports.

The server cannot check such a report. It knows how many messages it has
written to the connection since the last sentence: that many are in the block,
unless the client declared a block size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from clientapp.wire.from_server import Ack, Control, Failure
from clientapp.wire.names import is_client_name
from clientapp.wire.printable import printable
from clientapp.wire.request import DEFAULT_CLIENT, Request
from clientapp.wire.sentence import Sentence
from feeds.core.judgement import ONLY_A_SENTENCE
from feeds.serving.node import Node
from feeds.storing.facts import Outcome, PlainReport, Reported

log = logging.getLogger("feeds.clients")


class Sentences:
    """The sentences that come by one connection."""

    def __init__(
        self,
        node: Node,
        request: Request,
        key: str,
        *,
        written: Callable[[], int],
        tell: Callable[[Control], None],
    ) -> None:
        """Answer by *tell*; *written* counts the messages written so far."""
        self._node = node
        self._request = request
        self._key = key
        self._written = written
        self._tell = tell
        self._reported = 0
        """Messages in the blocks reported so far."""
        self.client = request.client
        """What the client is called: a guest as its first sentence says."""

    def take(self, sentence: Sentence, text: str) -> None:
        """Print and store a sentence, said as *text*."""
        if self.client == DEFAULT_CLIENT and is_client_name(sentence.client):
            self.client = sentence.client
        log.info("%s: %s", self.client, printable(text))
        report = PlainReport(
            client=sentence.client,
            number_said=sentence.block,
            seconds=sentence.seconds,
            text=text,
            size=self._size(),
        )
        fact = Reported(
            session=self._key,
            report=report,
            judgement=ONLY_A_SENTENCE,
            clients=len(self._node.hub.subscribers),
            at=datetime.now(UTC),
        )
        if not self._node.recorder.record(fact, self._stored):
            self._refuse()

    def _size(self) -> int:
        if self._request.declares_size:
            return self._request.block_size
        written = self._written()
        size, self._reported = max(written - self._reported, 0), written
        return size

    def _stored(self, outcome: Outcome) -> None:
        if not outcome.kept or outcome.judgement is None:
            self._refuse()
            return
        judgement = outcome.judgement
        self._tell(Ack(block=outcome.number, verdict=judgement.verdict, reason=judgement.reason))

    def _refuse(self) -> None:
        log.warning("%s: a sentence was not kept: the database does not keep up", self.client)
        text = "the sentence was not kept; say it again later"
        self._tell(Failure(code="busy", text=text, retryable=True))
