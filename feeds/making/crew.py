"""
The generators of one process, one for each feed.

If no feeds were chosen, the crew follows the admin: a feed that is added or
switched on later also gets a generator, unless another process generates it. A
standby does the same for chosen feeds, and does not end while other processes generate them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from django.db import transaction

from feeds.core import notices
from feeds.making import ownership
from feeds.making.generator import Generator
from feeds.making.observation import (
    OWNER_LOOK_SECONDS,
    TAKEOVER_LOOK_SECONDS,
    TAKEOVER_SECONDS,
    Life,
    Observer,
)
from feeds.making.progress import Progress, State
from feeds.making.regeneration import source_of
from feeds.making.segments import recipe_of
from feeds.models import Feed
from feeds.running.database import is_unavailable
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger(__name__)

FAILURES = (ownership.OwnedError, ownership.TakenOverError, ownership.RemovedError, SpecError)
"""The errors with which a generator ends if it cannot continue."""
FOLLOW_SECONDS = 0.25
"""Interval of looking for feeds to generate, while no other process has one."""
PROMISE_THREADS = 4
"""Threads, and so database connections, for the promises of all feeds. A promise takes a few
milliseconds, and one that waits for a lock delays few others."""


class Crew:
    """Generators that run until all are done or asked to stop, or one of them fails."""

    def __init__(
        self,
        given: Sequence[Generator],
        recruit: Callable[[str], Generator] | None = None,
        *,
        standby: bool = False,
        chosen: Collection[str] | None = None,
    ) -> None:
        """
        Begin with the *given* generators; *recruit* creates one for a feed found later.

        A *standby* waits while other processes generate its feeds. These are the
        *chosen* ones, or all that are switched on if None.
        """
        self.progress: list[Progress] = []
        """The progress of each generator; the list changes with the crew."""
        self._given = given
        self._recruit = recruit
        self._is_standby = standby
        self._open = None if chosen is None else set(chosen)
        """The chosen feeds that are not done."""
        self._generators: dict[asyncio.Task[None], Generator] = {}
        self._waiting: dict[str, Progress] = {}
        """In a standby: per feed that another process generates, the progress that shows it."""
        self._unsaid: set[str] = set()
        """The names of such feeds that were not logged yet."""
        self._observer = Observer(TAKEOVER_SECONDS, TAKEOVER_LOOK_SECONDS)
        self._look_seconds = FOLLOW_SECONDS
        self._said: dict[str, str] = {}
        """Last warning logged per feed ("" for the whole crew), to avoid repeats."""
        self._news = asyncio.Event()
        self._is_stopping = False
        self._database = Worker("crew")
        self._promises = Worker("promises", PROMISE_THREADS)

    async def run(self) -> None:
        """
        Generate; raises the errors of `Generator.run`.

        A crew that follows the admin continues without a feed that was removed or
        taken over, or that cannot be generated. Unless it is a standby, it ends
        when other processes generate all its feeds.
        """
        try:
            for generator in self._given:
                self._begin(generator)
            while self._generators or self._follows:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_seconds if self._follows else None):
                        await self._news.wait()
                self._news.clear()
                for task in [task for task in self._generators if task.done()]:
                    self._end(task)
                if self._follows:
                    await self._look()
        finally:
            self.stop()
            await asyncio.gather(*self._generators, return_exceptions=True)
            await self._database.stop()
            await self._promises.stop()

    def stop(self) -> None:
        """Let `run` end soon."""
        self._is_stopping = True
        self._news.set()
        for generator in self._generators.values():
            generator.stop()

    @property
    def _follows(self) -> bool:
        is_open = self._open is None or bool(self._open)
        return self._recruit is not None and is_open and not self._is_stopping

    def _begin(self, generator: Generator) -> None:
        generator.share(self._promises)
        task = asyncio.ensure_future(generator.run())
        task.add_done_callback(lambda _: self._news.set())
        self._generators[task] = generator
        self.progress.append(generator.progress)
        if self._is_stopping:  # a look that had begun earlier found it
            generator.stop()

    def _end(self, task: asyncio.Task[None]) -> None:
        generator = self._generators.pop(task)
        feed = generator.progress.feed
        try:
            task.result()
        except FAILURES as error:
            if self._recruit is None or self._is_over(generator, error):
                raise
            self.progress.remove(generator.progress)
            if isinstance(error, ownership.RemovedError | ownership.TakenOverError) or (
                generator in self._given and isinstance(error, ownership.OwnedError)
            ):
                log.warning("%s%s", error, "; the others continue" if self._generators else "")
        else:
            if self._open is not None:
                self._open.discard(feed)

    def _is_over(self, generator: Generator, error: Exception) -> bool:
        """Tell whether the crew cannot continue, or another process does all of its work."""
        if self._open is not None and isinstance(error, ownership.RemovedError | SpecError):
            return True
        if self._is_standby or self._generators:
            return False
        if isinstance(error, ownership.OwnedError):
            return generator in self._given
        return isinstance(error, ownership.TakenOverError)

    async def _look(self) -> None:
        assert self._recruit is not None
        mine = {generator.progress.feed for generator in self._generators.values()}
        try:
            with self._observer.looking() as found:
                rows = await self._database.run(_others, mine, self._open)
                found |= {row.name: ownership.sign_of(row) for row in rows}
        except Exception as error:
            if not is_unavailable(error):
                raise
            if not self._generators:
                self._say("", "the database does not answer; waiting")
            return
        if self._open is not None and (gone := self._open - mine - found.keys()):
            raise ownership.RemovedError(min(gone))
        lives = {row.name: self._observer.life(row.name) for row in rows}
        if self._is_standby:
            self._wait_for(lives)
        self._look_seconds = OWNER_LOOK_SECONDS if rows else FOLLOW_SECONDS
        troubles = await self._database.run(_troubles, rows)
        for row in rows:
            if lives[row.name] in (Life.FREE, Life.DEAD):
                self._take(row, troubles[row.name])
        if self._generators or self._waiting or rows:
            self._said.pop("", None)
        else:
            self._say("", "there is no feed to generate; waiting for one")

    def _take(self, row: Feed, trouble: str) -> None:
        """Begin to generate a feed that no living process owns, unless *trouble* prevents it."""
        assert self._recruit is not None
        if trouble and self._open is not None:
            raise SpecError(trouble)
        if trouble:
            self._say(row.name, f"{trouble}; waiting until this is fixed")
            return
        self._said.pop(row.name, None)
        if self._observer.life(row.name) is Life.DEAD:
            log.warning("%s", notices.taking_over(row.name, TAKEOVER_SECONDS))
        generator = self._recruit(row.name)
        generator.expect(ownership.sign_of(row))
        self._begin(generator)

    def _wait_for(self, lives: Mapping[str, Life]) -> None:
        """Show which feeds other processes generate, and log it once all are known."""
        owned = {feed for feed, life in lives.items() if life is Life.ALIVE}
        for feed in self._waiting.keys() - owned:
            self.progress.remove(self._waiting.pop(feed))
            self._unsaid.discard(feed)
        for feed in sorted(owned - self._waiting.keys()):
            self._waiting[feed] = Progress(feed, State.STANDBY)
            self.progress.append(self._waiting[feed])
            self._unsaid.add(feed)
        if self._unsaid and Life.UNKNOWN not in lives.values():
            names = " and ".join(sorted(self._unsaid))
            noun = "feed" if len(self._unsaid) == 1 else "feeds"
            log.warning("standing by: another process generates %s %s", noun, names)
            self._unsaid.clear()

    def _say(self, feed: str, text: str) -> None:
        if self._said.get(feed) != text:
            log.warning("%s", text)
        self._said[feed] = text


def _others(mine: Collection[str], chosen: Collection[str] | None) -> list[Feed]:
    """
    Return the feeds that are switched on and not *mine*; only *chosen* ones, if given.

    On SQLite it waits for the lock that a promise needs (`ownership.see`), unless all are mine.
    """
    feeds = Feed.objects.filter(enabled=True).exclude(name__in=mine)
    if chosen is not None:
        feeds = Feed.objects.filter(name__in=set(chosen) - set(mine))
    if not feeds.exists():
        return []
    with transaction.atomic():
        return list(feeds.all())


def _troubles(rows: Collection[Feed]) -> dict[str, str]:
    """
    Return, by name, the reason why a feed cannot be generated; empty if it can.

    This builds the sources, which takes up to a second, so a takeover does not wait for them.
    """
    return {row.name: _trouble(row) for row in rows}


def _trouble(row: Feed) -> str:
    """Return the reason why a feed cannot be generated; empty if it can."""
    try:
        source_of(recipe_of(row))
    except SpecError as error:
        return f"feed {row.name}: {error}"
    return ""
