"""The generators of one process: their feeds, and the errors that end them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from feeds.making import crew as crew_module
from feeds.making import ownership
from feeds.making.crew import Crew
from feeds.making.generator import Generator
from feeds.making.observation import OWNER_LOOK_SECONDS, TAKEOVER_SECONDS
from feeds.making.progress import State
from feeds.models import Feed
from tests.integration.test_generator import ListLayer, fast, offsets
from tests.support.database import be_impatient, locked
from tools.waiting import PATIENCE_SECONDS
from tools.waiting import until as until_now

pytestmark = pytest.mark.usefixtures("default_feeds")
PAIRS = 20
"""Feeds for which two generators are started together."""
LOCKS = 3
"""The number of times that the database is locked meanwhile."""


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


async def test_feed_found_by_two_crews_has_one_generator() -> None:
    """If two crews find the same feed, one takes it and the other continues without it."""
    crews = [await follower("arrays"), await follower("users")]
    async with working(crews[0]) as first, working(crews[1]) as second:
        await until(lambda: at_work(crews[0]) == ["arrays"])
        await until(lambda: at_work(crews[1]) == ["users"])
        for name in ("prices", "stocks", "trades"):
            await Feed.objects.acreate(name=name, kind="arrays", rate=100)
            await until(lambda name=name: sum(name in at_work(crew) for crew in crews) == 1)  # type: ignore[misc]
            assert (await Feed.objects.aget(name=name)).owner == 1
        assert not first.done()
        assert not second.done()


async def test_crew_stopped_during_a_look_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crew that is stopped just as it finds a feed does not keep running for that feed."""
    crew = await follower("arrays", "users")
    loop = asyncio.get_running_loop()

    def stop_meanwhile(_: Feed) -> str:
        loop.call_soon_threadsafe(crew.stop)
        return ""

    monkeypatch.setattr(crew_module, "_trouble", stop_meanwhile)
    await Feed.objects.acreate(name="prices", kind="arrays", rate=100)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await crew.run()
    assert (await Feed.objects.aget(name="prices")).promised == 0


async def test_generators_started_together_never_fight(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If two crews start together, each feed keeps one owner, however slow the database is."""
    be_impatient(monkeypatch)
    names = ["arrays", "users"] + [f"feed{number}" for number in range(PAIRS - 2)]
    for name in names[2:]:
        await Feed.objects.acreate(name=name, kind="arrays")
    layer = ListLayer()
    crews = [
        Crew([Generator(name, layer) for name in names], lambda name: Generator(name, layer))
        for _ in range(2)
    ]
    running = [asyncio.ensure_future(crew.run()) for crew in crews]
    await asyncio.to_thread(slow_down)
    await until(lambda: sorted(at_work(crews[0]) + at_work(crews[1])) == sorted(names))
    owners = [owner async for owner in Feed.objects.values_list("owner", flat=True)]
    assert owners == [1] * PAIRS
    assert "was taken over" not in caplog.text
    for crew in crews:
        crew.stop()
    await asyncio.gather(*running, return_exceptions=True)


def slow_down() -> None:
    """Lock the database for longer than an owner may be silent, several times."""
    until_now(lambda: Feed.objects.exclude(owner=0).exists(), lambda: "no feed was taken")
    for _ in range(LOCKS):
        with locked():
            time.sleep(1.2 * TAKEOVER_SECONDS)
        time.sleep(OWNER_LOOK_SECONDS / 2)
    connections.close_all()


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
        await asyncio.sleep(3 * OWNER_LOOK_SECONDS)
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
        await asyncio.sleep(TAKEOVER_SECONDS + 3 * OWNER_LOOK_SECONDS)
        await Feed.objects.filter(name="users").aupdate(enabled=True)
        await until(lambda: other.progress.published > before)
        assert at_work(crew) == ["arrays"]
    other.stop()
    await elsewhere


async def test_crew_waits_for_a_feed(caplog: pytest.LogCaptureFixture) -> None:
    """If no feed is enabled, the crew says so, and starts with the first feed that is."""
    crew = await follower()
    await Feed.objects.aupdate(enabled=False)
    async with working(crew):
        await until(lambda: "there is no feed to generate; waiting for one" in caplog.text)
        await Feed.objects.filter(name="arrays").aupdate(enabled=True)
        await until(lambda: at_work(crew) == ["arrays"])


async def test_crew_with_chosen_feeds_takes_no_others() -> None:
    """A crew with chosen feeds takes no others; the removal of a chosen feed is an error."""
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
    layer = ListLayer()
    for name in ("arrays", "users"):
        await fast(name)
    crew = Crew([Generator("arrays", layer), Generator("users", layer)])
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    async with working(crew) as task:
        with pytest.raises(ownership.OwnedError, match="feed users is being generated"):
            await task
    assert not (await Feed.objects.aget(name="arrays")).promised_us
    other.stop()
    await elsewhere


async def test_start_beside_another_generator(caplog: pytest.LogCaptureFixture) -> None:
    """A crew that follows the admin generates the free feeds, and ends if there are none."""
    crew = await follower("arrays", "users")
    other = Generator("users", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    async with working(crew):
        await until(lambda: at_work(crew) == ["arrays"])
        await until(lambda: "feed users is being generated by another process" in caplog.text)
        third = await follower("arrays", "users")
        async with working(third) as task:
            with pytest.raises(ownership.OwnedError):
                await task
    other.stop()
    await elsewhere


def standby(*chosen: str, count: int | None = None) -> tuple[Crew, ListLayer]:
    """Return a standby of the *chosen* feeds, or of all, and the standby's layer."""
    layer = ListLayer()
    crew = Crew(
        [],
        lambda name: Generator(name, layer, count=count),
        standby=True,
        chosen=chosen or None,
    )
    return crew, layer


def states(crew: Crew) -> dict[str, State]:
    """Return the state of each feed of *crew*."""
    return {progress.feed: progress.state for progress in crew.progress}


async def test_standby_replaces_a_dead_generator(caplog: pytest.LogCaptureFixture) -> None:
    """A standby says once that it waits, and continues with the offset after the last promise."""
    for name in ("arrays", "users"):
        await fast(name)
    first = {name: Generator(name, ListLayer()) for name in ("arrays", "users")}
    tasks = {name: asyncio.ensure_future(one.run()) for name, one in first.items()}
    await until(lambda: all(one.progress.published > 0 for one in first.values()))
    crew, layer = standby()
    async with working(crew):
        await until(lambda: states(crew) == dict.fromkeys(first, State.STANDBY))
        await until(lambda: all(one.progress.published > 2000 for one in first.values()))
        first["users"]._promise = never  # type: ignore[method-assign]  # it cannot be killed here
        await until(lambda: at_work(crew) == ["users"])
        assert states(crew)["arrays"] is State.STANDBY
        del first["users"]._promise  # as after a thaw
        with pytest.raises(ownership.TakenOverError):
            await tasks["users"]
        await until(lambda: len(layer.lines) > 100)
        assert set(offsets(layer)) == set(range(min(offsets(layer)), max(offsets(layer)) + 1))
        first["arrays"].stop()
        await tasks["arrays"]
        await until(lambda: at_work(crew) == ["arrays", "users"])
    said = "standing by: another process generates feeds arrays and users"
    assert caplog.text.count("standing by") == caplog.text.count(said) == 1
    assert caplog.text.count("taking over") == 1
    assert "feed users has promised nothing for 2.6 s; taking over" in caplog.text


async def never() -> None:
    """Promise nothing."""


async def test_standby_that_is_locked_out_stands_by() -> None:
    """A standby waits for a feed that another process took from it, and does not give it up."""
    await fast("arrays")
    crew, layer = standby("arrays")
    async with working(crew) as task:
        await until(lambda: at_work(crew) == ["arrays"])
        other = Generator("arrays", layer, take_over=True)
        elsewhere = asyncio.ensure_future(other.run())
        await until(lambda: states(crew) == {"arrays": State.STANDBY})
        assert not task.done()
        other.stop()
        await elsewhere
        await until(lambda: at_work(crew) == ["arrays"])
    # The servers generate messages that were promised, but not pushed. No offset has two versions.
    assert len(set(layer.lines)) == len(set(offsets(layer)))


async def test_standby_ends_with_its_feeds() -> None:
    """A standby with a number of messages, or chosen feeds, ends once they are done or removed."""
    await fast("arrays")
    crew, layer = standby("arrays", count=20)
    async with working(crew) as task, asyncio.timeout(PATIENCE_SECONDS):
        await task
    assert offsets(layer) == list(range(1, 21))
    other = Generator("arrays", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    crew, _ = standby("arrays")
    async with working(crew) as task:
        await until(lambda: states(crew) == {"arrays": State.STANDBY})
        await Feed.objects.filter(name="arrays").adelete()
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(ownership.RemovedError, match="feed arrays was removed"):
                await task
            with pytest.raises(ownership.RemovedError):
                await elsewhere


async def test_standby_waits_for_the_database(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A standby reports the outage once, and takes no feed because of it."""
    be_impatient(monkeypatch)
    await fast("arrays")
    other = Generator("arrays", ListLayer())
    elsewhere = asyncio.ensure_future(other.run())
    await until(lambda: other.progress.published > 0)
    crew, _ = standby("arrays")
    async with working(crew):
        await until(lambda: states(crew) == {"arrays": State.STANDBY})

        def hold() -> None:
            with locked():
                until_now(lambda: "the database does not answer" in caplog.text, lambda: "unsaid")
                time.sleep(2 * TAKEOVER_SECONDS)
            connections.close_all()

        await asyncio.to_thread(hold)
        before = other.progress.published
        await until(lambda: other.progress.published > before)
        assert states(crew) == {"arrays": State.STANDBY}
    assert caplog.text.count("the database does not answer; waiting") == 1
    other.stop()
    await elsewhere


@pytest.mark.parametrize("option", ["--take-over", "--rate=5", "--seed=0"])
def test_standby_changes_no_feed(option: str) -> None:
    """Options that change a feed, or take it by force, exclude a standby."""
    with pytest.raises(
        CommandError, match=r"--standby and --[a-z-]+ exclude each other"
    ) as refusal:
        call_command("generate", "--standby", option)
    assert refusal.value.returncode == 2
