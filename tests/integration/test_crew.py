"""The generators of one process: which feeds they work on, and whose end ends them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from feeds.making import promise
from feeds.making.catalog import ATTENDED_US
from feeds.making.crew import LOOK_SECONDS, Crew
from feeds.making.generator import Generator
from feeds.making.progress import State
from feeds.models import Feed
from feeds.running.clock import now_us
from tests.integration.test_generator import ListLayer, fast
from tools.waiting import PATIENCE_SECONDS

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


async def test_a_feed_that_cannot_be_made_waits(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once why, the others go on, and a mended feed begins by itself."""
    crew = await follower("arrays", "users")
    await Feed.objects.filter(name="users").aupdate(spec={"fields": ["nope"]})
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.acreate(name="prices", kind="fish")
        await until(lambda: "feed users: an item of fields is 'nope'" in caplog.text)
        await until(lambda: "feed prices: " in caplog.text)
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert caplog.text.count("it waits until that is mended") == 2
        await Feed.objects.filter(name="users").aupdate(spec={})
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.filter(name="arrays").aupdate(spec=[1])
        await until(lambda: at_work(crew) == ["users"])
        await until(lambda: caplog.text.count("it waits until that is mended") == 3)


async def test_gives_up_what_is_taken_over(caplog: pytest.LogCaptureFixture) -> None:
    """A feed that another process takes is left to it; without any feed the work is over."""
    crew = await follower("arrays", "users")
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays", "users"])
        other = Generator("users", ListLayer(), take_over=True)
        elsewhere = [asyncio.ensure_future(other.run())]
        await until(lambda: at_work(crew) == ["arrays"])
        assert "feed users was taken over by another generator; the others go on" in caplog.text
        last = Generator("arrays", ListLayer(), take_over=True)
        elsewhere.append(asyncio.ensure_future(last.run()))
        with pytest.raises(promise.FencedError, match="feed arrays was taken over"):
            await task
    other.stop()
    last.stop()
    await asyncio.gather(*elsewhere)


async def test_a_feed_that_is_off_stays_in_its_hands() -> None:
    """Who has a feed has it also when it is switched on again, however long that takes."""
    crew = await follower("arrays")
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    await Feed.objects.filter(name="users").aupdate(enabled=False)
    await until(lambda: other.progress.state is State.OFF)
    before = other.progress.published
    async with working(crew):
        await asyncio.sleep(ATTENDED_US / 1e6 + 2 * LOOK_SECONDS)
        await Feed.objects.filter(name="users").aupdate(enabled=True)
        await until(lambda: other.progress.published > before)
        assert at_work(crew) == ["arrays"]
    other.stop()
    await elsewhere


async def test_waits_for_a_feed(caplog: pytest.LogCaptureFixture) -> None:
    """Where none is enabled, it says so, and begins with the first that is."""
    crew = await follower()
    await Feed.objects.aupdate(enabled=False)
    async with working(crew):
        await until(lambda: "there is no feed to generate; waiting for one" in caplog.text)
        await Feed.objects.filter(name="arrays").aupdate(enabled=True)
        await until(lambda: at_work(crew) == ["arrays"])


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
