"""The generators of one process: which feeds they work on, and whose end ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from feeds.live import promise
from feeds.live.clock import now_us
from feeds.live.generator import Generator
from feeds.management.crew import Crew
from feeds.models import Feed
from tests.integration.test_generator import PATIENCE_SECONDS, ListLayer, fast

pytestmark = pytest.mark.usefixtures("default_feeds")


@asynccontextmanager
async def working(crew: Crew) -> AsyncIterator[asyncio.Task[None]]:
    """Let *crew* work; stop it in the end."""
    task = asyncio.ensure_future(crew.run())
    yield task
    crew.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait({task})


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


def at_work(crew: Crew) -> list[str]:
    """Return the feeds of which messages were published."""
    return sorted(progress.feed for progress in crew.progress if progress.published)


async def follower(*names: str) -> Crew:
    """Return a crew that begins with some feeds and follows the admin."""
    layer = ListLayer()
    for feed in ("arrays", "users"):
        await fast(feed)
    return Crew([Generator(name, layer) for name in names], lambda name: Generator(name, layer))


async def test_follows_what_is_switched_on_and_added() -> None:
    """A feed that was off at the start, and one that was not there, begin by themselves."""
    crew = await follower("arrays")
    await Feed.objects.filter(name="users").aupdate(enabled=False)
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.filter(name="users").aupdate(enabled=True)
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.acreate(name="prices", kind="arrays", rate=100)
        await until(lambda: at_work(crew) == ["arrays", "prices", "users"])


async def test_leaves_a_feed_to_another_generator() -> None:
    """What another process generates is left alone until that one is gone."""
    crew = await follower("arrays")
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        before = other.progress.published
        await until(lambda: other.progress.published > before + 2000)
        assert at_work(crew) == ["arrays"]
        other.stop()
        await elsewhere
        await until(lambda: at_work(crew) == ["arrays", "users"])
        assert not task.done()


async def test_a_feed_that_another_process_finds_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two crews may find the same feed; one has it, and the other goes on without."""
    crew = await follower("arrays")
    tries = []

    def take(name: str, *_: object, **__: object) -> promise.Hold:
        tries.append(name)
        raise promise.TakenError(name, now_us())

    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        monkeypatch.setattr(promise, "take", take)
        monkeypatch.setattr(promise, "ALIVE_US", -500_000)
        await Feed.objects.acreate(name="prices", kind="arrays")
        await until(lambda: len(tries) >= 2)
        await until(lambda: [one.feed for one in crew.progress] == ["arrays"])
        assert not task.done()


async def test_a_removed_feed_ends_its_generator_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The others go on, and what happened is said."""
    crew = await follower("arrays", "users")
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.filter(name="users").adelete()
        await until(lambda: at_work(crew) == ["arrays"])
        before = crew.progress[0].published
        await until(lambda: crew.progress[0].published > before)
    assert "feed users was removed; the others go on" in caplog.text


async def test_a_crew_that_was_told_its_feeds_keeps_to_them() -> None:
    """Nothing is added to feeds that were chosen; without one of them it fails."""
    layer = ListLayer()
    await fast("arrays")
    crew = Crew([Generator("arrays", layer)])
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.filter(name="arrays").adelete()
        with pytest.raises(promise.RemovedError, match="feed arrays was removed"):
            await task
    assert [progress.feed for progress in crew.progress] == ["arrays"]


async def test_the_first_error_ends_all() -> None:
    """Where a given feed has another owner, nobody goes on."""
    crew = await follower("arrays", "users")
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    async with working(crew) as task:
        with pytest.raises(promise.TakenError, match="feed users is being generated"):
            await task
    assert not (await Feed.objects.aget(name="arrays")).promised_us
    other.stop()
    await elsewhere
