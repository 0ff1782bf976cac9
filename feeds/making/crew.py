"""
The generators of one process, one for each feed.

If no feeds were chosen, the crew follows the admin: a feed that is added or
switched on later also gets a generator, unless another process generates it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from feeds.making import ownership
from feeds.making.catalog import is_attended
from feeds.making.generator import Generator
from feeds.making.progress import Progress
from feeds.making.regeneration import source_of
from feeds.making.segments import recipe_of
from feeds.models import Feed
from feeds.running.clock import now_us
from feeds.running.database import is_unavailable
from feeds.running.worker import Worker
from feeds.sources import SpecError

log = logging.getLogger(__name__)

FAILURES = (ownership.OwnedError, ownership.TakenOverError, ownership.RemovedError, SpecError)
"""The errors with which a generator ends if it cannot continue."""
PROMISE_THREADS = 4
"""Threads, and so database connections, for the promises of all feeds. A promise takes a few
milliseconds, and one that waits for a lock delays few others."""
LOOK_SECONDS = 0.5
"""Interval between searches for unattended feeds: that of a generator's promises."""


class Crew:
    """Generators that run until all are done or asked to stop, or one of them fails."""

    def __init__(
        self, given: Sequence[Generator], recruit: Callable[[str], Generator] | None = None
    ) -> None:
        """Begin with the *given* generators; *recruit* creates those of feeds found later."""
        self.progress: list[Progress] = []
        """The progress of each generator; the list changes with the crew."""
        self._given = given
        self._recruit = recruit
        self._generators: dict[asyncio.Task[None], Generator] = {}
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
        taken over, or that cannot be generated. It ends when other processes have
        taken over all its feeds.
        """
        try:
            for generator in self._given:
                self._begin(generator)
            while self._generators or self._follows:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS if self._follows else None):
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
        return self._recruit is not None and not self._is_stopping

    def _begin(self, generator: Generator) -> None:
        generator.share(self._promises)
        task = asyncio.ensure_future(generator.run())
        task.add_done_callback(lambda _: self._news.set())
        self._generators[task] = generator
        self.progress.append(generator.progress)

    def _end(self, task: asyncio.Task[None]) -> None:
        generator = self._generators.pop(task)
        try:
            task.result()
        except FAILURES as error:
            if self._recruit is None or self._is_over(generator, error):
                raise
            self.progress.remove(generator.progress)
            if isinstance(error, ownership.RemovedError | ownership.TakenOverError):
                log.warning("%s%s", error, "; the others continue" if self._generators else "")

    def _is_over(self, generator: Generator, error: Exception) -> bool:
        """Tell whether another process does the work of the whole crew."""
        if isinstance(error, ownership.OwnedError):
            return generator in self._given
        return isinstance(error, ownership.TakenOverError) and not self._generators

    async def _look(self) -> None:
        assert self._recruit is not None
        mine = [generator.progress.feed for generator in self._generators.values()]
        try:
            found = await self._database.run(unattended, mine)
        except Exception as error:
            if not is_unavailable(error):
                raise
            return  # the generators report it
        for feed, trouble in found:
            if trouble:
                self._say(feed, f"{trouble}; waiting until this is fixed")
            else:
                self._said.pop(feed, None)
                self._begin(self._recruit(feed))
        if self._generators:
            self._said.pop("", None)
        else:
            self._say("", "there is no feed to generate; waiting for one")

    def _say(self, feed: str, text: str) -> None:
        if self._said.get(feed) != text:
            log.warning("%s", text)
        self._said[feed] = text


def unattended(mine: Collection[str]) -> list[tuple[str, str]]:
    """
    Return the feeds that are switched on, not *mine*, and without a generator.

    Each comes with the reason why it cannot be generated, empty if it can.
    """
    now = now_us()
    others = Feed.objects.filter(enabled=True).exclude(name__in=mine)
    return [
        (feed.name, _trouble(feed)) for feed in others if not is_attended(feed.promised_us, now)
    ]


def _trouble(feed: Feed) -> str:
    try:
        source_of(recipe_of(feed))
    except SpecError as error:
        return f"feed {feed.name}: {error}"
    return ""
