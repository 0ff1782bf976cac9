"""The generators of one process: their feeds, and the errors that end them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from feeds.making import ownership
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
    """Run *crew*; stop it in the end."""
    task = asyncio.ensure_future(crew.run())
    yield task
    crew.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait({task})


async def until(holds: Callable[[], bool]) -> None:
    """Wait until *holds* returns true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


def at_work(crew: Crew) -> list[str]:
    """Return the feeds with published messages."""
    return sorted(progress.feed for progress in crew.progress if progress.published)


async def follower(*names: str) -> Crew:
    """Return a crew that starts with some feeds and follows the admin."""
    layer = ListLayer()
    for feed in ("arrays", "users"):
        await fast(feed)
    return Crew([Generator(name, layer) for name in names], lambda name: Generator(name, layer))


async def test_enabled_and_added_feeds_start() -> None:
    """A feed that was off at the start, or did not exist, starts without a restart."""
    crew = await follower("arrays")
    await Feed.objects.filter(name="users").aupdate(enabled=False)
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.filter(name="users").aupdate(enabled=True)
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.acreate(name="prices", kind="arrays", rate=100)
        await until(lambda: at_work(crew) == ["arrays", "prices", "users"])


async def test_feed_of_another_generator_is_left_alone() -> None:
    """A feed that another process generates is taken only after that process has ended."""
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


async def test_feed_found_by_two_crews_has_one_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two crews find the same feed, one takes it and the other continues without it."""
    crew = await follower("arrays")
    tries = []

    def take(name: str, *_: object, **__: object) -> ownership.OwnedFeed:
        tries.append(name)
        raise ownership.OwnedError(name, now_us())

    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        monkeypatch.setattr(ownership, "take", take)
        monkeypatch.setattr(ownership, "ALIVE_US", -500_000)
        await Feed.objects.acreate(name="prices", kind="arrays")
        await until(lambda: len(tries) >= 2)
        await until(lambda: [one.feed for one in crew.progress] == ["arrays"])
        assert not task.done()


async def test_removed_feed_ends_only_its_generator(caplog: pytest.LogCaptureFixture) -> None:
    """The other generators continue, and the removal is logged."""
    crew = await follower("arrays", "users")
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.filter(name="users").adelete()
        await until(lambda: at_work(crew) == ["arrays"])
        before = crew.progress[0].published
        await until(lambda: crew.progress[0].published > before)
    assert "feed users was removed; the others continue" in caplog.text


async def test_feed_that_cannot_be_made_waits(caplog: pytest.LogCaptureFixture) -> None:
    """The reason is logged once, the others continue, and a fixed feed starts without a restart."""
    crew = await follower("arrays", "users")
    await Feed.objects.filter(name="users").aupdate(spec={"fields": ["nope"]})
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.acreate(name="prices", kind="fish")
        await until(lambda: "feed users: an item of fields is 'nope'" in caplog.text)
        await until(lambda: "feed prices: " in caplog.text)
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert caplog.text.count("waiting until this is fixed") == 2
        await Feed.objects.filter(name="users").aupdate(spec={})
        await until(lambda: at_work(crew) == ["arrays", "users"])
        await Feed.objects.filter(name="arrays").aupdate(spec=[1])
        await until(lambda: at_work(crew) == ["users"])
        await until(lambda: caplog.text.count("waiting until this is fixed") == 3)


async def test_feed_taken_over_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """A feed that another process takes over is given up; the crew ends without feeds."""
    crew = await follower("arrays", "users")
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays", "users"])
        other = Generator("users", ListLayer(), take_over=True)
        elsewhere = [asyncio.ensure_future(other.run())]
        await until(lambda: at_work(crew) == ["arrays"])
        assert "feed users was taken over by another generator; the others continue" in caplog.text
        last = Generator("arrays", ListLayer(), take_over=True)
        elsewhere.append(asyncio.ensure_future(last.run()))
        with pytest.raises(ownership.TakenOverError, match="feed arrays was taken over"):
            await task
    other.stop()
    last.stop()
    await asyncio.gather(*elsewhere)


async def test_switched_off_feed_keeps_its_owner() -> None:
    """The owner of a feed keeps it while it is switched off, however long that takes."""
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


async def test_crew_waits_for_a_feed(caplog: pytest.LogCaptureFixture) -> None:
    """If no feed is enabled, the crew says so and starts with the first one that is."""
    crew = await follower()
    await Feed.objects.aupdate(enabled=False)
    async with working(crew):
        await until(lambda: "there is no feed to generate; waiting for one" in caplog.text)
        await Feed.objects.filter(name="arrays").aupdate(enabled=True)
        await until(lambda: at_work(crew) == ["arrays"])


async def test_crew_with_chosen_feeds_takes_no_others() -> None:
    """No feed is added to chosen feeds; the removal of one is an error."""
    layer = ListLayer()
    await fast("arrays")
    crew = Crew([Generator("arrays", layer)])
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        await Feed.objects.filter(name="arrays").adelete()
        with pytest.raises(ownership.RemovedError, match="feed arrays was removed"):
            await task
    assert [progress.feed for progress in crew.progress] == ["arrays"]


async def test_first_error_ends_all() -> None:
    """If a chosen feed has another owner, no generator of the crew continues."""
    crew = await follower("arrays", "users")
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    async with working(crew) as task:
        with pytest.raises(ownership.OwnedError, match="feed users is being generated"):
            await task
    assert not (await Feed.objects.aget(name="arrays")).promised_us
    other.stop()
    await elsewhere
