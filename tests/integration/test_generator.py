"""The generator: on schedule, without a hole, and one per feed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from channels.layers import BaseChannelLayer, InMemoryChannelLayer
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.db.models import F

from feeds.core.schedule import Recipe, Schedule, Segment
from feeds.layer.batches import Batch, Membership, push
from feeds.making import ownership
from feeds.making.generator import Generator
from feeds.making.progress import Progress, State
from feeds.making.publisher import Publisher
from feeds.making.regeneration import Stretch, source_of, stretches
from feeds.making.segments import segment_of
from feeds.models import Feed
from feeds.running.clock import now_us
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("default_feeds")


class ListLayer(BaseChannelLayer):  # type: ignore[misc]  # channels is not typed
    """A layer that keeps the sent messages, and fails on request."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.fails = False
        self._changed = asyncio.Condition()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Keep the message."""
        if self.fails:
            raise ConnectionError("no layer")
        async with self._changed:
            self.sent.append((group, message))
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the sent messages make *holds* true."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(holds)

    @property
    def lines(self) -> list[bytes]:
        """All lines sent so far."""
        return [line for _, message in self.sent for line in message["lines"].split(b"\n")]


def offsets(layer: ListLayer) -> list[int]:
    """Return the offset of each line sent so far."""
    return [json.loads(line)["offset"] for line in layer.lines]


async def fast(name: str = "arrays", rate: int = 2000) -> Feed:
    """Set a rate that a test can wait for."""
    feed = await Feed.objects.aget(name=name)
    feed.rate = rate
    await feed.asave()
    return feed


async def test_lines_are_those_of_the_feed() -> None:
    """The published lines are the source's records at their intended times."""
    feed = await fast()
    layer = ListLayer()
    await Generator("arrays", layer, count=300).run()
    segment = segment_of(await feed.segments.aget())
    records = source_of(segment.recipe).records(1, 300)
    assert layer.lines == [
        b'{"type":"message","feed":"arrays","offset":%d,"at":%d,"data":%b}'
        % (offset, segment.at(offset), record)
        for offset, record in enumerate(records, 1)
    ]
    assert {group for group, _ in layer.sent} == {"feed.arrays"}


@pytest.mark.parametrize("owner", [0, 1])
async def test_lost_promises_are_made_again(owner: int, caplog: pytest.LogCaptureFixture) -> None:
    """A generator whose database is rolled back generates the lost offsets again."""
    await fast(rate=100)
    feed = Feed.objects.filter(name="arrays")

    class RollingBack(ListLayer):
        is_rolled_back = False

        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            await super().group_send(group, message)
            if not self.is_rolled_back and len(self.lines) >= 60:
                self.is_rolled_back = True
                # The snapshot was taken by this generator, or before it took the feed.
                await feed.aupdate(promised=20, owner=owner, promised_us=0)

    layer = RollingBack()
    generator = Generator("arrays", layer, count=300)
    await generator.run()
    turned = next(at for at, (a, b) in enumerate(pairwise(offsets(layer)), 1) if b <= a)
    assert offsets(layer)[turned:] == list(range(21, offsets(layer)[-1] + 1))
    assert generator.progress.published == 300
    assert "the history of feed arrays was rolled back" in caplog.text


async def test_no_message_is_published_early() -> None:
    """A message is published at its intended time or later, never earlier."""
    feed = await fast(rate=100)

    class Watching(ListLayer):
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            now = now_us()
            last = message["first"] + message["lines"].count(b"\n")
            segment = segment_of(await feed.segments.aget())
            assert segment.at(last) <= now
            await super().group_send(group, message)

    generator = Generator("arrays", Watching(), count=30)
    await generator.run()
    assert generator.progress.published == 30
    assert generator.progress.failures == 0


async def test_messages_are_made_before_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next messages are made while nothing is due, so they are not delayed."""
    early = []

    def noted(feed: str, schedule: Schedule, first: int, last: int) -> Iterator[Stretch]:
        early.append(schedule.at(last) - now_us())
        return stretches(feed, schedule, first, last)

    monkeypatch.setattr("feeds.making.generator.stretches", noted)
    await fast(rate=20)
    await Generator("arrays", ListLayer(), count=10).run()
    assert max(early) > 0


async def test_generator_waits_for_the_database(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A busy database is tried again for as long as needed; the log says so once."""
    tries = []

    def take(*args: Any, **options: Any) -> ownership.OwnedFeed:
        tries.append(args)
        if len(tries) < 4:
            raise OperationalError("database is locked")
        return really_take(*args, **options)

    really_take = ownership.take
    monkeypatch.setattr(ownership, "take", take)
    await fast()
    generator = Generator("arrays", ListLayer(), count=10)
    await generator.run()
    assert generator.progress.published == 10
    assert caplog.text.count("feed arrays: the database does not answer (database is locked)") == 1


async def test_next_run_continues_with_the_next_offset() -> None:
    """Offsets have no holes across runs, in one segment or in the next."""
    feed = await fast()
    layer = ListLayer()
    for _ in range(3):
        await Generator("arrays", layer, count=50).run()
    await feed.arefresh_from_db()
    assert feed.promised == 150
    assert next(message["first"] for _, message in layer.sent) == 1
    assert len(layer.lines) == 150


async def test_new_rate_begins_a_segment_while_running() -> None:
    """A rate changed in the admin reaches the running generator."""
    feed = await fast(rate=10)
    layer = ListLayer()
    generator = Generator("arrays", layer)
    task = asyncio.ensure_future(generator.run())
    await layer.until(lambda: layer.sent != [])
    await Feed.objects.filter(pk=feed.pk).aupdate(rate=1000)
    await layer.until(lambda: len(layer.lines) >= 500)
    generator.stop()
    await task
    first, second = [segment async for segment in feed.segments.order_by("first")]
    assert (first.rate_milli, second.rate_milli) == (10_000, 1_000_000)
    assert first.epoch == second.epoch
    # The last message of the old rate keeps its time; the new rate starts after it.
    assert segment_of(first).at(second.first - 1) < second.started_us


async def test_new_seed_starts_an_epoch_while_running() -> None:
    """A seed changed in the admin reaches the running generator; offsets continue."""
    feed = await fast(rate=200)
    layer = ListLayer()
    generator = Generator("arrays", layer)
    task = asyncio.ensure_future(generator.run())
    await layer.until(lambda: layer.sent != [])
    await Feed.objects.filter(pk=feed.pk).aupdate(seed=2)
    await layer.until(lambda: len({batch["epoch"] for _, batch in layer.sent}) == 2)
    begun = len(layer.lines)
    await layer.until(lambda: len(layer.lines) > begun)
    generator.stop()
    await task
    first, second = [segment async for segment in feed.segments.order_by("first")]
    assert (first.seed, second.seed) == (1, 2)
    assert first.epoch != second.epoch
    for _, batch in layer.sent:
        assert batch["epoch"] == (first if batch["first"] < second.first else second).epoch
    offsets = [int(line.split(b'"offset":')[1].split(b",")[0]) for line in layer.lines]
    assert offsets == list(range(1, len(offsets) + 1))
    assert offsets[-1] > second.first


async def test_disabled_feed_pauses_and_continues() -> None:
    """A feed disabled in the admin stops, and continues when it is enabled again."""
    feed = await fast(rate=100)
    layer = ListLayer()
    generator = Generator("arrays", layer)
    task = asyncio.ensure_future(generator.run())
    await layer.until(lambda: layer.sent != [])
    await Feed.objects.filter(pk=feed.pk).aupdate(enabled=False)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while generator.progress.state is not State.OFF:
            await asyncio.sleep(0.01)
    # Messages promised before are still published; those due later are not.
    await feed.arefresh_from_db()
    segment = segment_of(await feed.segments.aget())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while segment.due(now_us()) <= feed.promised + 10:
            await asyncio.sleep(0.01)
    assert len(layer.lines) <= feed.promised
    await Feed.objects.filter(pk=feed.pk).aupdate(enabled=True)
    await layer.until(lambda: len(layer.lines) > feed.promised)
    generator.stop()
    await task
    offsets = [int(line.split(b'"offset":')[1].split(b",")[0]) for line in layer.lines]
    assert offsets == list(range(1, len(offsets) + 1))


async def test_long_stop_causes_no_burst() -> None:
    """After a long stop, time is skipped, but offsets are not."""
    feed = await fast(rate=100)
    layer = ListLayer()
    await Generator("arrays", layer, count=5).run()
    hour = 3_600_000_000
    segment = await feed.segments.aget()
    await feed.segments.aupdate(started_us=segment.started_us - hour)
    before = now_us()
    await Generator("arrays", layer, count=5).run()
    second = await feed.segments.aget(first=6)
    assert second.started_us >= before
    assert len(layer.lines) == 10


async def test_failing_layer_stops_nothing() -> None:
    """Failed batches are counted, and the promise continues."""
    feed = await fast()
    layer = ListLayer()
    layer.fails = True
    generator = Generator("arrays", layer, count=100)
    await generator.run()
    await feed.arefresh_from_db()
    assert feed.promised == 100
    assert generator.progress.failures > 0


async def test_every_outage_of_the_layer_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each outage is logged once, not only the first."""
    monkeypatch.setattr("feeds.making.publisher.SILENT_SECONDS", 0.0)
    segment = Segment(Recipe("arrays", "{}", 1), "epoch", 1, now_us(), 1000)
    layer = ListLayer()
    publisher = Publisher(layer, Progress("arrays"))
    for layer.fails in (True, True, False, True, True):
        await publisher.publish([Stretch("epoch", 1, [b"line"])], Schedule([segment]))
    assert caplog.text.count("the channel layer does not accept batches of arrays: no layer") == 2


async def test_layer_that_does_not_answer_is_named_with_its_feed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log names the feed and the cause once, although a timeout has no text of its own."""

    class Silent(ListLayer):
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            raise TimeoutError

    await fast()
    generator = Generator("arrays", Silent(), count=100)
    await generator.run()
    assert generator.progress.failures > 0
    (line,) = [line for line in caplog.messages if "channel layer" in line]
    assert line == (
        "the channel layer does not accept batches of arrays: no answer within 1 s; "
        "servers generate these messages themselves"
    )


async def test_former_owner_stops_with_a_sentence() -> None:
    """A generator whose feed was taken over stops and says so."""
    feed = await fast(rate=10)
    layer = ListLayer()
    task = asyncio.ensure_future(Generator("arrays", layer).run())
    await layer.until(lambda: layer.sent != [])
    await Feed.objects.filter(pk=feed.pk).aupdate(owner=99)
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ownership.TakenOverError, match="feed arrays was taken over"):
            await task


async def test_take_over_locks_out_the_first_generator() -> None:
    """With --take-over the first generator stops, and no offset is generated twice."""
    feed = await fast(rate=100)
    layer = ListLayer()
    first = asyncio.ensure_future(Generator("arrays", layer).run())
    await layer.until(lambda: layer.sent != [])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await Generator("arrays", layer, count=100, take_over=True).run()
        with pytest.raises(ownership.TakenOverError, match="feed arrays was taken over"):
            await first
    await feed.arefresh_from_db()
    offsets = [int(line.split(b'"offset":')[1].split(b",")[0]) for line in layer.lines]
    assert len(offsets) == len(set(offsets))
    assert max(offsets) == feed.promised


async def test_a_batch_reaches_every_member() -> None:
    """A batch passes a real layer unchanged."""
    layer = InMemoryChannelLayer()
    membership = Membership(layer)
    await membership.join("arrays")
    batch = Batch("arrays", "0123456789ab", 7, [b'{"a":1}', b'{"b":2}'])
    await push(layer, batch)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await anext(membership.batches()) == batch


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--feed", "nope"], "there is no feed 'nope'; there are: arrays, users"),
        (["--rate", "0"], "'0' is not allowed: 0.001 to 1000000 messages per second"),
        (["--rate", "NaN"], "'NaN' is not allowed: 0.001 to 1000000 messages per second"),
        (["--seed", "-1"], "'-1' is not allowed: a whole number from 0"),
        (["--count", "0"], "'0' is not allowed: a whole number from 1"),
        (["--for", "never"], "'never' is not allowed: a number of seconds above 0"),
    ],
)
def test_bad_option_is_refused_with_a_sentence(options: list[str], sentence: str) -> None:
    """Each refusal names the value of the option and the rule."""
    with pytest.raises(CommandError) as refusal:
        call_command("generate", *options)
    assert sentence in str(refusal.value)


def test_disabled_feed_is_refused() -> None:
    """A disabled feed is not generated, and the reason is given."""
    Feed.objects.filter(name="users").update(enabled=False)
    with pytest.raises(CommandError, match="feed users is disabled; enable it in the admin"):
        call_command("generate", "--feed", "users")


async def test_second_generator_is_refused() -> None:
    """While one generator runs, a second one is refused: "stop that one first"."""
    layer = ListLayer()
    first = Generator("arrays", layer)
    running = asyncio.ensure_future(first.run())
    await layer.until(lambda: layer.sent != [])
    with pytest.raises(ownership.OwnedError, match="stop that one first"):
        await Generator("arrays", ListLayer()).run()
    first.stop()
    await running


async def test_dead_owner_is_replaced() -> None:
    """A promise that does not change belongs to a dead generator, even if its time is ahead."""
    for name, hours in (("arrays", 1), ("users", -1)):
        promised_us = now_us() + hours * 3_600_000_000
        await Feed.objects.filter(name=name).aupdate(promised_us=promised_us)
        generator = Generator(name, ListLayer(), count=3)
        await generator.run()
        assert generator.progress.published == 3


@pytest.mark.parametrize("hours", [1, 0, -1])
async def test_owner_with_a_wrong_clock_is_alive(hours: int) -> None:
    """A generator that promises keeps its feed, whatever the times of its promises are."""
    arrays = Feed.objects.filter(name="arrays")
    await arrays.aupdate(promised_us=now_us() + hours * 3_600_000_000)
    second = asyncio.ensure_future(Generator("arrays", ListLayer()).run())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not second.done():
            await arrays.aupdate(promised=F("promised") + 1)
            await asyncio.sleep(0.1)
    with pytest.raises(ownership.OwnedError, match="wait for its end with --standby"):
        await second
    assert (await arrays.aget()).owner == 0
