"""
The texts of one connection: messages of a client that are not part of the protocol.

Each is logged and stored, up to a rate: a client that chats at full speed must fill
neither the disk nor the log. Beyond this rate, texts are counted and refused. A client that
sends far more is disconnected.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from clientapp.wire.from_server import Failure
from clientapp.wire.printable import printable
from feeds.core.allowance import Allowance
from feeds.core.limits import Limits
from feeds.serving.caller import Caller
from feeds.serving.outlet import Outlet
from feeds.serving.sentences import Sentences
from feeds.storing.facts import Said
from feeds.storing.recorder import Recorder

COUNTED_CHARACTERS = 1000
"""A text counts as one, plus one for every so many characters."""
LINE_SECONDS = 10.0
"""Interval of the log lines about refused texts of a client."""


class Texts:
    """The texts received over one connection."""

    def __init__(
        self,
        caller: Caller,
        outlet: Outlet,
        *,
        limits: Limits,
        sentences: Sentences,
        recorder: Recorder,
    ) -> None:
        """Answer *caller* through *outlet*; *sentences* has the client's name."""
        now = time.monotonic()
        self._caller = caller
        self._outlet = outlet
        self._limits = limits
        self._sentences = sentences
        self._recorder = recorder
        self._stored = Allowance(limits.text_rate, limits.text_burst, now)
        self._borne = Allowance(limits.refusal_rate, limits.refusal_burst, now)
        self._lines = Allowance(1 / LINE_SECONDS, 1, now)
        self._uncounted = 0
        """Refused messages since the last log line about them."""
        self.is_flooded = False
        """Whether the client sent so many refused messages that it must be disconnected."""

    def take(self, text: str) -> None:
        """Log and store *text*, or refuse it if there were too many."""
        longest = self._limits.text_characters
        cost = 1 + min(len(text), longest) // COUNTED_CHARACTERS
        if not self._stored.take(cost, time.monotonic()):
            self.refuse(
                Failure(
                    code="busy",
                    text=f"the text was not stored: more than {self._limits.text_rate:g} a second",
                    retryable=True,
                )
            )
            return
        if len(text) > longest:
            text = f"{text[:longest]} … and {len(text) - longest} more characters"
        self._caller.log.info("%s says: %s", self._sentences.client, printable(text))
        self._sentences.correct(text)
        kept = text.replace("\0", "\\x00")  # PostgreSQL stores no NUL
        if not self._recorder.record(
            Said(session=self._caller.key, text=kept, at=datetime.now(UTC))
        ):
            self._outlet.tell(Failure(code="busy", text="the text was not stored", retryable=True))

    def refuse(self, failure: Failure) -> None:
        """Send the *failure*; log one in `LINE_SECONDS`, and count the others."""
        now = time.monotonic()
        self._outlet.tell(failure)
        self._uncounted += 1
        self.is_flooded = self.is_flooded or self._borne.spend(1, now) < 0
        if self._lines.take(1, now):
            self._log(failure)

    def end(self) -> None:
        """Log refusals that were not logged yet."""
        if self._uncounted:
            self._caller.log.info(
                "%s: refused %d more messages", self._sentences.client, self._uncounted
            )
            self._uncounted = 0

    def _log(self, failure: Failure) -> None:
        others = f" (and {self._uncounted - 1} more messages)" if self._uncounted > 1 else ""
        self._caller.log.info(
            "%s: refused%s: %s", self._sentences.client, others, printable(failure.text)
        )
        self._uncounted = 0
