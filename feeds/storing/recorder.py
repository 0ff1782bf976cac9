"""
The recorder: stores facts in batches, off the hot path.

Facts stay in order and are committed many at a time, outside of the event loop. Unless
the process ends first, an accepted fact is committed, or set aside if it fails alone.
While the database is unavailable, a bounded number of facts waits, and further ones
are rejected.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from django.conf import settings

from clientapp.wire.names import key_prefix
from feeds.core.limits import Limits
from feeds.running.child import ChildEndedError
from feeds.running.database import cause_of, is_unavailable
from feeds.running.outages import OUTAGES, Outage
from feeds.running.worker import Worker
from feeds.storing import ledger
from feeds.storing.clerk import Clerk
from feeds.storing.facts import Closed, Fact, Opened, Outcome, Reported, Said
from feeds.storing.samples import Sampler
from feeds.storing.set_aside import set_aside
from feeds.storing.totals import Totals

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
"""Interval of attempts to commit while the database is unavailable."""

Done = Callable[[Outcome], None]


class Recorder:
    """The queue of facts, and the loop that commits them."""

    def __init__(
        self, limits: Limits, store: Clerk | Worker | None = None, sampler: Sampler | None = None
    ) -> None:
        """Commit facts in *store*, and count them in *sampler*."""
        self._limits = limits
        self._sampler = sampler
        self._waiting: deque[tuple[Fact, Done | None]] = deque()
        self._texts = 0
        """Texts among the waiting facts: they must leave room for everything else."""
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._store = store or Worker("recorder")
        self._failing = False
        self.totals = Totals()
        self._single = 0
        """Facts still to be committed one by one."""
        self._openings: dict[str, Opened] = {}
        """The last opening of each session that has a connection here."""

    def record(self, fact: Fact, done: Done | None = None) -> bool:
        """
        Queue *fact*; return False if too many facts, or too many texts, are waiting already.

        A `Closed` is always accepted: there are no more of them than connections.
        *done* is called with the outcome, on the event loop, after the commit. If a fact is
        set aside, the outcome says that it is not kept; for a report, *done* is not called.
        """
        is_full = len(self._waiting) >= self._limits.waiting_facts
        is_text = isinstance(fact, Said)
        is_chat = is_text and self._texts >= self._limits.waiting_texts
        if is_chat or (is_full and not isinstance(fact, Closed)):
            self.totals.rejected += 1
            return False
        self._texts += is_text
        if isinstance(fact, Opened):
            self._openings[fact.session] = fact
        self._waiting.append((fact, done))
        self._idle.clear()
        self._wake.set()
        return True

    @property
    def waiting(self) -> int:
        """The number of facts that wait to be stored."""
        return len(self._waiting)

    async def run(self) -> None:
        """Commit facts until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._commit()
            self._idle.set()

    async def flush(self, seconds: float) -> bool:
        """Wait until all facts are committed; return False after *seconds* without a commit."""
        while not self._idle.is_set():
            commits = self.totals.commits
            try:
                await asyncio.wait_for(self._idle.wait(), seconds)
            except TimeoutError:
                if self.totals.commits == commits:
                    left = len(self._waiting)
                    log.warning("%d facts were not stored: the database did not answer", left)
                    return False
        return True

    async def stop(self) -> None:
        """Close the database connection and end the store's thread or process."""
        await self._store.stop()

    async def _commit(self) -> None:
        limit = 1 if self._single else self._limits.commit_facts
        size = ledger.fitting((fact for fact, _ in self._waiting), limit)
        batch = list(islice(self._waiting, size))
        facts = [fact for fact, _ in batch]
        try:
            outcomes = await self._store.run(ledger.commit, facts)
        except Exception as error:  # noqa: BLE001  `is_unavailable` classifies it
            self.totals.failures += 1
            if isinstance(error, ChildEndedError) or is_unavailable(error):
                await self._wait(error)
            elif size > 1:
                # One bad fact must not block the others: commit singly to find it.
                self._single = size
            else:
                await self._refuse(error)
            return
        self._note_success()
        self._single = max(self._single - 1, 0)
        for _ in range(size):
            self._waiting.popleft()
        self._texts -= sum(isinstance(fact, Said) for fact in facts)
        batch, outcomes = self._put_back_lost(batch, outcomes)
        facts = [fact for fact, _ in batch]
        self.totals.add(facts, outcomes)
        if self._sampler is not None:
            self._sampler.note(facts, outcomes)
        self._answer(batch, outcomes)

    def _put_back_lost(
        self, batch: Sequence[tuple[Fact, Done | None]], outcomes: Sequence[Outcome]
    ) -> tuple[list[tuple[Fact, Done | None]], list[Outcome]]:
        """
        Return the facts that were stored; queue the facts of lost sessions again.

        A session that is connected here is not stored if the database was rolled back
        to a time before its opening. Its opening is stored again first.
        """
        stored: list[tuple[Fact, Done | None]] = []
        kept: list[Outcome] = []
        lost: list[tuple[Fact, Done | None]] = []
        for (fact, done), outcome in zip(batch, outcomes, strict=True):
            if not outcome.kept and fact.session in self._openings:
                lost.append((fact, done))
                continue
            stored.append((fact, done))
            kept.append(outcome)
            if isinstance(fact, Closed):
                self._forget_opening(fact)
        again = {fact.session: self._openings[fact.session] for fact, _ in lost}
        self._waiting.extendleft(reversed(lost))
        self._texts += sum(isinstance(fact, Said) for fact, _ in lost)
        self._waiting.extendleft((opening, None) for opening in again.values())
        return stored, kept

    def _forget_opening(self, move: Opened | Closed) -> None:
        """Forget the opening of the connection of *move*, so that it is never queued again."""
        opening = self._openings.get(move.session)
        if opening is not None and opening.channel == move.channel:
            del self._openings[move.session]

    async def _wait(self, error: Exception) -> None:
        """Keep all facts, and pause before the next attempt."""
        if not self._failing:
            log.warning("the database does not accept facts (%s); they wait", cause_of(error))
        self._failing = True
        OUTAGES.begin(
            "recorder",
            Outage(
                what="The database does not accept reports",
                cause=cause_of(error),
                then="they wait, and none is lost.",
            ),
        )
        await asyncio.sleep(RETRY_SECONDS)

    async def _refuse(self, error: Exception) -> None:
        """Set aside the first fact, which failed alone, if the database accepts other writes."""
        try:
            await self._store.run(ledger.probe)
            path = await asyncio.to_thread(set_aside, settings.VAR_DIR, self._waiting[0][0], error)
        except Exception as failed:  # noqa: BLE001  the fact is not the cause
            await self._wait(failed)
            return
        fact, done = self._waiting.popleft()
        self.totals.set_aside += 1
        self._texts -= isinstance(fact, Said)
        self._single = max(self._single - 1, 0)
        if isinstance(fact, Opened | Closed):
            self._forget_opening(fact)
        whose = {"session": key_prefix(fact.session)}
        log.error("a fact cannot be stored (%s); it was set aside in %s", error, path, extra=whose)
        OUTAGES.keep(
            Outage(
                what="A report or text of a client could not be stored",
                cause=cause_of(error),
                then=f"it was set aside in {path.name}, in the folder of local state.",
            )
        )
        self._note_success()
        # A client would send its report again every second, to be set aside each time.
        if not isinstance(fact, Reported):
            self._answer([(fact, done)], [Outcome(kept=False)])

    def _note_success(self) -> None:
        if self._failing:
            log.warning("the database accepts facts again")
            OUTAGES.end("recorder")
        self._failing = False

    def _answer(self, batch: Sequence[tuple[Fact, Done | None]], outcomes: list[Outcome]) -> None:
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            if done is not None:
                try:
                    done(outcome)
                except Exception:
                    log.exception("the outcome of a fact could not be handled")
