"""
The sentences of one connection: the reports of a plain client.

The server cannot check such a report. Unless the client declared a block size,
the block has as many messages as the server has written to the connection since
the last sentence.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clientapp.wire.from_server import Ack, Failure
from clientapp.wire.names import is_client_name
from clientapp.wire.printable import printable
from clientapp.wire.request import DEFAULT_CLIENT
from clientapp.wire.sentence import Sentence, resembles_sentence
from feeds.core.judgement import ONLY_A_SENTENCE
from feeds.serving.caller import Caller
from feeds.serving.outlet import Outlet
from feeds.storing.facts import Outcome, PlainReport, Reported
from feeds.storing.recorder import Recorder

EXAMPLE = Sentence(client="bob", block=3, seconds=4.002)
"""A sentence to copy, for a client that sends something similar."""


class Sentences:
    """The sentences received over one connection."""

    def __init__(self, caller: Caller, outlet: Outlet, recorder: Recorder) -> None:
        """Answer *caller* through *outlet*."""
        self._caller = caller
        self._outlet = outlet
        self._recorder = recorder
        self._reported = 0
        """Messages in the blocks reported so far."""
        self._is_corrected = False
        self.client = caller.request.client
        """The client's name; a guest takes the name in its first sentence."""

    def take(self, sentence: Sentence, text: str) -> None:
        """Log and store a sentence with its original *text*."""
        if self.client == DEFAULT_CLIENT and is_client_name(sentence.client):
            self.client = sentence.client
        self._caller.log.info("%s: %s", self.client, printable(text))
        report = PlainReport(
            client=sentence.client,
            number_said=sentence.block,
            seconds=sentence.seconds,
            text=text,
            size=self._size(),
        )
        fact = Reported(
            session=self._caller.key,
            report=report,
            judgement=ONLY_A_SENTENCE,
            clients=self._outlet.readers,
            at=datetime.now(UTC),
        )
        if not self._recorder.record(fact, self._stored):
            self._refuse()

    def correct(self, text: str) -> None:
        """Log the right wording, once, if *text* is not a report but resembles one."""
        if not self._is_corrected and resembles_sentence(text):
            self._is_corrected = True
            self._caller.log.info(
                "%s: this is not a report; a report reads: %s", self.client, EXAMPLE
            )

    def _size(self) -> int:
        if self._caller.request.declares_size:
            return self._caller.request.block_size
        written = self._outlet.written()
        size, self._reported = max(written - self._reported, 0), written
        return size

    def _stored(self, outcome: Outcome) -> None:
        if not outcome.kept or outcome.judgement is None:
            self._refuse()
            return
        judgement = outcome.judgement
        self._outlet.tell(
            Ack(block=outcome.number, verdict=judgement.verdict, reason=judgement.reason)
        )

    def _refuse(self) -> None:
        self._caller.log.warning(
            "%s: a sentence was not stored: the database does not keep up", self.client
        )
        text = "the sentence was not stored; send it again later"
        self._outlet.tell(Failure(code="busy", text=text, retryable=True))
