"""The Python API with a scripted server, which records the messages that it sent and lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from clientapp import api
from clientapp.api import BadUsage, CouldNot, Gap, Message, NothingCame, Position, Refused, connect
from clientapp.wire.from_server import Farewell
from clientapp.wire.from_server import Gap as GapFrame
from tests.support.feed_server import EPOCH, STARTED_US, FeedServer


async def received(subscription: api.Subscription, count: int) -> list[Message | Gap]:
    """Return the next *count* messages and gaps."""
    return [await anext(subscription) for _ in range(count)]


def offsets(items: list[Message | Gap]) -> list[int]:
    """Return the offsets of *items*, which must be messages."""
    assert all(isinstance(item, Message) for item in items)
    return [item.offset for item in items if isinstance(item, Message)]


async def test_each_offset_arrives_once_across_restarts() -> None:
    """A consumer gets each offset once and in order, across broken connections and restarts."""
    async with FeedServer() as server, connect(server.url, block_size=5) as subscription:
        await server.publish("users", 3)
        got = await received(subscription, 2)
        server.drop()
        await server.publish("users", 4)
        got += await received(subscription, 3)
        await server.stop()
        await server.start()
        await server.publish("users", 3)
        got += await received(subscription, 5)
        await server.until(lambda: len(server.stored) == 2)
    assert offsets(got) == [*range(1, 11)]
    assert server.byes == 1
    assert subscription.verdicts == {"verified": 2}
    assert subscription.unacknowledged == 0


async def test_message_has_its_record_and_times() -> None:
    """A message has its feed, its record, its intended time and its time of receipt."""
    async with FeedServer() as server, connect(server.url, feeds="arrays") as subscription:
        before = server.now_us()
        await server.publish("arrays", 1)
        [message] = await received(subscription, 1)
        after = server.now_us()
    assert isinstance(message, Message)
    assert (message.feed, message.offset, message.at) == ("arrays", 1, STARTED_US + 1_000_000)
    assert isinstance(message.data, list)
    assert before <= message.received_at <= after


async def test_gap_is_an_object_in_its_place() -> None:
    """Offsets that never arrive are a gap between the messages around them."""
    lost = GapFrame(feed="users", first=2, last=4, epoch="fedcba987654", cause="epoch")
    async with FeedServer() as server, connect(server.url) as subscription:
        await server.publish("users", 1)
        await server.publish("users", 3, lost=3)
        await server.say(lost)
        await server.publish("users", 2)
        first, gap, *rest = await received(subscription, 4)
    assert offsets([first]) == [1]
    assert gap == Gap("users", 2, 4, "fedcba987654", "epoch")
    assert offsets(rest) == [5, 6]


async def test_blocks_have_their_messages_and_gaps() -> None:
    """Blocks contain all messages and gaps in order, and the sentence for the server."""
    lost = GapFrame(feed="users", first=3, last=3, epoch=EPOCH, cause="epoch")
    async with FeedServer() as server:
        subscription = connect(server.url, name="alice", block_size=2)
        blocks = []
        async with subscription:
            await server.publish("users", 2)
            await server.publish("users", 1, lost=1)
            await server.say(lost)
            await server.publish("users", 2)
            async for block in subscription.blocks():
                blocks.append(block)
                if block.number == 2:
                    break
    assert [[_offset(one) for one in block.messages] for block in blocks] == [
        [1, 2],
        [(3, 3), 4, 5],
    ]
    assert [block.size for block in blocks] == [2, 2]
    assert [block.text for block in blocks] == [server.stored[n].text for n in (1, 2)]
    assert blocks[0].text.startswith("Client alice received 1 block in ")


def _offset(item: Message | Gap) -> int | tuple[int, int]:
    return item.offset if isinstance(item, Message) else (item.first, item.last)


async def test_slow_consumer_slows_the_client_down() -> None:
    """While the consumer is busy, the client reads nothing, and nothing is lost."""
    async with FeedServer() as server, connect(server.url, block_size=10) as subscription:
        await server.publish("users", 25)
        got = await received(subscription, 10)
        await server.until(lambda: len(server.stored) == 1)
        await asyncio.sleep(0.1)
        assert subscription._run is not None
        assert subscription._run.positions["users"].offset == 10
        assert len(subscription._inbox.arrived) <= 1
        assert [*server.stored] == [1]
        got += await received(subscription, 15)
    assert offsets(got) == [*range(1, 26)]
    assert subscription.verdicts == {"verified": 2}


async def test_server_is_not_given_up_for_a_slow_consumer() -> None:
    """A consumer may pause for longer than the server may be silent, and stays connected."""
    async with FeedServer() as server:
        server.heartbeat = 0.01
        async with connect(server.url) as subscription:
            await server.publish("users", 2)
            got = await received(subscription, 1)
            await asyncio.sleep(0.2)
            got += await received(subscription, 1)
    assert offsets(got) == [1, 2]
    assert len(server.requests) == 1


async def test_only_yielded_messages_are_reported() -> None:
    """Messages that arrived after the consumer left are in no report."""
    async with FeedServer() as server, connect(server.url, block_size=2) as subscription:
        await server.publish("users", 20)
        await received(subscription, 4)
    assert [*server.stored] == [1, 2]
    assert subscription.verdicts == {"verified": 2}


async def test_gap_that_nobody_announced_has_a_position_of_its_own() -> None:
    """After a gap, the position is its end, even if a message arrived with it."""
    async with FeedServer() as server, connect(server.url) as subscription:
        await server.publish("users", 1)
        await server.publish("users", 3, lost=2)
        _, gap = await received(subscription, 2)
        assert gap == Gap("users", 2, 3, EPOCH, "unannounced")
        assert subscription.positions == {"users": Position(EPOCH, 3)}
        assert offsets(await received(subscription, 1)) == [4]


async def test_next_subscription_continues_after_the_last_yielded_message() -> None:
    """Positions follow the messages that were yielded, not those that arrived."""
    async with FeedServer() as server:
        async with connect(server.url) as subscription:
            await server.publish("users", 5)
            assert offsets(await received(subscription, 3)) == [1, 2, 3]
            positions = subscription.positions
        assert positions == {"users": Position(EPOCH, 3, STARTED_US + 3_000_000)}
        async with connect(server.url, after=positions) as subscription:
            assert subscription.positions == positions
            assert offsets(await received(subscription, 2)) == [4, 5]


async def test_quiet_feed_has_a_position() -> None:
    """A feed without a message so far continues from where the subscription began."""
    async with FeedServer() as server:
        async with connect(server.url, feeds=["users", "arrays"]) as subscription:
            await server.publish("users", 1)
            await received(subscription, 1)
            positions = subscription.positions
        await server.publish("arrays", 3)
        async with connect(server.url, feeds=["users", "arrays"], after=positions) as subscription:
            assert offsets(await received(subscription, 3)) == [1, 2, 3]


async def test_blocks_are_positions_of_their_own() -> None:
    """A consumer that stops within a block can continue it, or start again from before it."""
    async with FeedServer() as server:
        async with connect(server.url, block_size=3, timeout=0.2) as subscription:
            await server.publish("users", 5)
            blocks = subscription.blocks()
            assert [_offset(one) for one in (await anext(blocks)).messages] == [1, 2, 3]
            with pytest.raises(NothingCame):
                await anext(blocks)
            positions = subscription.positions
            assert positions["users"].offset == 3
            with pytest.raises(RuntimeError, match="already yields blocks"):
                await anext(subscription)
            await server.publish("users", 1)
            block = await anext(subscription.blocks())
            assert [_offset(one) for one in block.messages] == [4, 5, 6]
        server.stored.clear()
        async with connect(server.url, after=positions) as subscription:
            assert offsets(await received(subscription, 3)) == [4, 5, 6]


async def test_message_after_a_timeout_is_not_reported() -> None:
    """A message that arrives after the consumer gave up is in no report until it is read."""
    async with FeedServer() as server:
        async with connect(server.url, block_size=1, timeout=0.1) as subscription:
            with pytest.raises(NothingCame):
                await anext(subscription)
            await server.publish("users", 2)
            assert offsets(await received(subscription, 1)) == [1]
        assert [*server.stored] == [1]


async def test_reconnecting_does_not_restart_the_timeout() -> None:
    """A server that only accepts and breaks connections is given up after the timeout."""
    async with FeedServer() as server, connect(server.url, timeout=0.5) as subscription:
        waiting = asyncio.ensure_future(anext(subscription))
        while not waiting.done():
            await server.until(lambda: server.connected == 1 or waiting.done())
            server.drop()
            await asyncio.wait({waiting}, timeout=0.1)
            if waiting.done() or len(server.requests) > 20:
                break
        with pytest.raises(NothingCame):
            await waiting


async def test_silence_ends_the_iteration() -> None:
    """Without a message within the timeout, the iteration raises."""
    async with FeedServer() as server, connect(server.url, timeout=0.2) as subscription:
        with pytest.raises(NothingCame, match=r"^no new message arrived for 0\.2 s$"):
            await anext(subscription)


async def test_refusal_ends_the_subscription() -> None:
    """A server that refuses the client is an error, at the start and later."""
    farewell = Farewell(code=4501, reason="there is no feed users", retry_after=0)
    async with FeedServer() as server:
        async with connect(server.url) as subscription:
            await server.close(farewell)
            with pytest.raises(Refused, match="there is no feed users"):
                await anext(subscription)
        server.refusal = farewell
        with pytest.raises(Refused, match="there is no feed users"):
            await connect(server.url).__aenter__()


async def test_end_of_the_session_ends_the_iteration() -> None:
    """A server that ends the session ends the iteration."""
    async with FeedServer() as server, connect(server.url) as subscription:
        await server.publish("users", 2)
        await server.close(Farewell(code=1000, reason="done", retry_after=0))
        assert offsets([message async for message in subscription]) == [1, 2]


async def test_missing_server_is_an_error_if_asked() -> None:
    """Without waiting, a missing server is an error."""
    async with FeedServer() as server:
        url = server.url
    with pytest.raises(CouldNot, match=r"^no server at "):
        await connect(url, wait=False).__aenter__()


async def test_waiting_for_a_server_can_be_cancelled() -> None:
    """While there is no server, entering waits, and leaves nothing behind if it is cancelled."""
    async with FeedServer() as server:
        url = server.url
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await connect(url).__aenter__()
    await asyncio.sleep(0)
    assert {one for one in asyncio.all_tasks() - before if not one.done()} == set()


async def test_subscription_must_be_entered_once() -> None:
    """Iterating outside of 'async with', or entering twice, is an error."""
    async with FeedServer() as server:
        subscription = connect(server.url)
        with pytest.raises(RuntimeError, match="use a subscription in 'async with'"):
            await anext(subscription)
        async with subscription:
            with pytest.raises(RuntimeError, match="can be used once"):
                await subscription.__aenter__()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"url": "http://127.0.0.1/"}, "'http://127.0.0.1/' is not allowed: the server's address"),
        ({"name": ""}, "'' is not allowed as name: 1 to 64 letters"),
        ({"feeds": []}, r"\(\) is not allowed as feeds: 1 to 16, each once"),
        ({"feeds": ["a", "a"]}, r"\('a', 'a'\) is not allowed as feeds"),
        ({"feeds": ["A"]}, r"\('A',\) is not allowed as a feed: 1 to 40 lower-case"),
        ({"block_size": 1.5}, "1.5 is not allowed as block_size: a whole number from 1"),
        ({"after": {"users": ("e", 1)}}, "is not allowed as after: positions of the feeds"),
        ({"block_size": 0}, "0 is not allowed as block_size: a whole number from 1"),
        ({"first": 0}, "0 is not allowed as first: from 1"),
        ({"label": "\n"}, r"'\\n' is not allowed as label"),
        ({"timeout": 0}, "0 is not allowed as timeout: more than 0 s"),
        ({"after": {"x": Position(EPOCH, 1)}}, "is not allowed as after: positions of the feeds"),
        ({"after": {"users": Position(EPOCH, 1)}, "first": 2}, "not together with first"),
    ],
)
def test_wrong_argument_is_named(values: Mapping[str, Any], sentence: str) -> None:
    """An argument that is not allowed is named with its rule."""
    with pytest.raises(BadUsage, match=sentence):
        connect(**values)
