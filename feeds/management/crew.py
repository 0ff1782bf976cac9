"""
The generators of one process, one for each feed.

Where no feed was chosen, the crew follows the admin: a feed that is added or
switched on later gets its generator, too, unless another process has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from django.db import InterfaceError, OperationalError

from feeds.live import promise
from feeds.live.catalog import is_running
from feeds.live.clock import now_us
from feeds.live.generator import Generator
from feeds.live.progress import Progress
from feeds.live.worker import Worker
from feeds.models import Feed

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks for feeds that nobody generates: as often as a generator promises."""


class Crew:
    """Generators that run until all are done or told to stop, or one of them fails."""

    def __init__(
        self, given: Sequence[Generator], recruit: Callable[[str], Generator] | None = None
    ) -> None:
        """Begin with those that are *given*; *recruit* makes those of feeds found later."""
        self.progress: list[Progress] = []
        """How far each is; it changes with the crew."""
        self._given = given
        self._recruit = recruit
        self._generators: dict[asyncio.Task[None], Generator] = {}
        self._news = asyncio.Event()
        self._is_stopping = False
        self._database = Worker("crew")

    async def run(self) -> None:
        """Generate; raises what `Generator.run` raises."""
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

    def stop(self) -> None:
        """Let `run` come to its end soon."""
        self._is_stopping = True
        self._news.set()
        for generator in self._generators.values():
            generator.stop()

    @property
    def _follows(self) -> bool:
        return self._recruit is not None and not self._is_stopping

    def _begin(self, generator: Generator) -> None:
        task = asyncio.ensure_future(generator.run())
        task.add_done_callback(lambda _: self._news.set())
        self._generators[task] = generator
        self.progress.append(generator.progress)

    def _end(self, task: asyncio.Task[None]) -> None:
        generator = self._generators.pop(task)
        try:
            task.result()
        except promise.RemovedError as error:
            if self._recruit is None:
                raise
            log.warning("%s; the others go on", error)
            self.progress.remove(generator.progress)
        except promise.TakenError:
            if generator in self._given:
                raise
            # Another process found the feed, too, and was quicker.
            self.progress.remove(generator.progress)

    async def _look(self) -> None:
        assert self._recruit is not None
        mine = [generator.progress.feed for generator in self._generators.values()]
        # Without a database there is nothing new; the generators say so.
        with suppress(OperationalError, InterfaceError):
            for feed in await self._database.run(unattended, mine):
                self._begin(self._recruit(feed))


def unattended(mine: Collection[str]) -> list[str]:
    """Return the feeds that are switched on, not *mine*, and that nobody generates."""
    others = Feed.objects.filter(enabled=True).exclude(name__in=mine)
    now = now_us()
    return [
        name
        for name, promised_us in others.values_list("name", "promised_us")
        if not is_running(promised_us, now)
    ]
