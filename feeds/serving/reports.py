"""
The reports of one connection, and the answers to them.

A report is logged on receipt, judged, stored, and only then acknowledged, with the
stored verdict. If a block is broken, its client is asked for the messages that it received.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from itertools import chain

from clientapp.wire.from_client import Explained
from clientapp.wire.from_server import Ack, Explain, Failure
from clientapp.wire.names import MAX_BLOCK_SIZE
from clientapp.wire.printable import printable
from clientapp.wire.report import Report
from clientapp.wire.verdict import Verdict
from feeds.core.difference import Span
from feeds.core.judgement import Judgement
from feeds.core.limits import Limits
from feeds.making.regeneration import ScheduleUnknownError, UnavailableError
from feeds.running.child import ChildEndedError
from feeds.serving.caller import Caller
from feeds.serving.outlet import Outlet
from feeds.serving.screening import Screening, VerifiedSoFar
from feeds.serving.verifier import Verifier
from feeds.storing.facts import Explanation, Outcome, Reported
from feeds.storing.recorder import Recorder


class Reports:
    """The reports received over one connection."""

    def __init__(
        self,
        caller: Caller,
        outlet: Outlet,
        *,
        limits: Limits,
        screening: Screening,
        verifier: Verifier,
        recorder: Recorder,
    ) -> None:
        """Answer *caller* through *outlet*."""
        self._caller = caller
        self._outlet = outlet
        self._limits = limits
        self._screening = screening
        self._verifier = verifier
        self._recorder = recorder
        self._before = VerifiedSoFar()
        self._asked: dict[int, Report] = {}
        """Broken blocks whose client was asked to explain them."""
        self._telling = 0
        """The block that is being explained."""
        self._told: dict[str, array[int]] = {}
        """
        Its explanation so far, by feed: offset, CRC-32, offset, CRC-32 and so on.

        Tuples would take eight times as much memory.
        """

    async def take(self, report: Report) -> None:
        """Judge and store a report; tell the client the outcome."""
        self._print(report.text)
        try:
            screened = await self._screening.screen(report, self._caller.request)
            if screened.untruth:
                self._refuse_untrue(report.block, screened.untruth)
                return
            judgement = await self._verifier.judge(report, screened.rolled_back)
            is_verified = judgement.verdict == Verdict.VERIFIED
            if is_verified and (overlap := self._screening.find_overlap(report, self._before)):
                self._refuse_untrue(report.block, overlap)
                return
        except Exception as error:
            if not isinstance(error, ScheduleUnknownError | ChildEndedError):
                self._caller.log.exception("a report could not be judged")
            self._refuse_for_now(report.block)
        else:
            self._store(report, judgement, is_timed=screened.is_timed)

    async def take_explanation(self, said: Explained) -> None:
        """Handle a part of the explanation that the client sends for a broken block."""
        report = self._asked.get(said.block)
        if report is None:
            self._refuse(f"the server did not ask for an explanation of block {said.block}")
            return
        if self._telling != said.block:
            self._telling, self._told = said.block, {}
        # Other feeds are not part of the block, and keeping them would not be bounded.
        for feed in report.feeds.keys() & said.lines.keys():
            self._told.setdefault(feed, array("Q")).extend(chain.from_iterable(said.lines[feed]))
        most = _most_told(report)
        is_too_long = sum(map(len, self._told.values())) > 2 * most
        if said.more and not is_too_long:
            return
        del self._asked[said.block]
        told, self._telling, self._told = self._told, 0, {}
        if is_too_long:
            text = f"the explanation of block {said.block} has more than {most} messages, its limit"
            self._refuse(text)
        else:
            spans = {feed: list(zip(*[iter(flat)] * 2, strict=True)) for feed, flat in told.items()}
            await self._explain(report, spans)

    def _store(self, report: Report, judgement: Judgement, *, is_timed: bool) -> None:
        def stored(outcome: Outcome) -> None:
            if not outcome.kept:
                self._refuse_for_now(report.block)
            elif outcome.judgement is None:
                text = f"another block {report.block} of this session is stored already"
                self._outlet.tell(
                    Failure(code="conflict", text=text, retryable=False, block=report.block)
                )
            else:
                self._acknowledge(report.block, outcome.judgement)
                is_broken = outcome.judgement.verdict == Verdict.BROKEN
                if is_broken and not outcome.is_explained:
                    self._ask(report)

        fact = Reported(
            session=self._caller.key,
            report=report,
            judgement=judgement,
            clients=self._outlet.readers,
            at=datetime.now(UTC),
            is_timed=is_timed,
        )
        if not self._recorder.record(fact, stored):
            self._refuse_for_now(report.block)
        elif judgement.verdict == Verdict.VERIFIED:
            self._screening.note(report, self._before)

    def _acknowledge(self, block: int, judgement: Judgement) -> None:
        if judgement.verdict == Verdict.BROKEN:
            reason = printable(judgement.reason)
            self._caller.log.warning(
                "%s: block %d is broken: %s", self._caller.request.client, block, reason
            )
        self._outlet.tell(Ack(block=block, verdict=judgement.verdict, reason=judgement.reason))

    def _ask(self, report: Report) -> None:
        """Ask the client to explain a broken block, unless it is too long or too many are open."""
        limits = self._limits
        spanned = sum(part.last - part.first + 1 for part in report.feeds.values())
        if spanned <= limits.explained_messages and len(self._asked) < limits.open_explanations:
            self._asked[report.block] = report
            self._outlet.tell(Explain(block=report.block))

    async def _explain(self, report: Report, told: dict[str, list[Span]]) -> None:
        try:
            difference = await self._verifier.explain(report.feeds, told)
        except (UnavailableError, ScheduleUnknownError, ChildEndedError, LookupError):
            return  # the cause stays unknown

        def stored(outcome: Outcome) -> None:
            if outcome.judgement is not None:
                self._acknowledge(report.block, outcome.judgement)

        self._recorder.record(
            Explanation(session=self._caller.key, block=report.block, difference=difference), stored
        )

    def _print(self, text: str) -> None:
        self._caller.log.info("%s: %s", self._caller.request.client, printable(text))

    def _refuse_untrue(self, block: int, why: str) -> None:
        text = f"the report of block {block} cannot be true: {why}"
        self._caller.log.info("%s: refused: %s", self._caller.request.client, printable(text))
        self._outlet.tell(Failure(code="untrue", text=text, retryable=False, block=block))

    def _refuse(self, text: str) -> None:
        self._outlet.tell(Failure(code="malformed", text=text, retryable=False))

    def _refuse_for_now(self, block: int) -> None:
        text = f"block {block} was not stored; send it again later"
        self._outlet.tell(Failure(code="busy", text=text, retryable=True, block=block))


def _most_told(report: Report) -> int:
    """Return the most messages that an explanation may have: twice the number received."""
    came = report.size + sum(part.duplicates for part in report.feeds.values())
    return min(2 * came, 2 * MAX_BLOCK_SIZE)
