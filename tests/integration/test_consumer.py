"""The consumer with Channels' communicator and the in-memory layer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from clientapp.wire.names import is_session_key
from feeds.core.keys import stored_key
from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Feed, Segment
from feeds.serving.node import get_node
from tests.support.database import be_impatient, locked
from tests.support.session import SENTENCE, client, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.usefixtures("node_ends")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the database fulfils *condition*."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_bare_connection_gets_users() -> None:
    """A connection without parameters is a session of the feed users."""
    async with client() as one:
        welcome = await receive(one, "welcome")
        assert list(welcome["feeds"]) == ["users"]
        assert welcome["blocks"] == 0
        assert is_session_key(welcome["session"])
        assert welcome["feeds"]["users"]["fields"][0] == "name"
        notice = await receive(one, "notice")
        assert notice["text"] == (
            "feed users is not running: it was never started; "
            "start it with: python manage.py generate"
        )


@pytest.mark.parametrize("chosen", ["", "a-secret-of-zoe-1"])
async def test_key_is_known_to_its_client_only(
    chosen: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The welcome has the key; the database and the log have its prefix, and nothing more."""
    with caplog.at_level(logging.DEBUG):
        async with client(f"session={chosen}") as one:
            key = (await receive(one, "welcome"))["session"]
            await one.send_to('{"type":"text","text":"hello"}')
            await until(ClientMessage.objects.aexists)
        await until(Connection.objects.exclude(closed_at=None).aexists)
        async with client(f"feed=arrays&session={key}") as one:
            refused = await receive(one, "error")
    assert refused["text"].startswith(f"session {key[:8]} collects blocks of 1 from users")
    stored = [row.key async for row in ClientSession.objects.all()]
    assert stored == [stored_key(key)]
    assert key[:8] in caplog.text
    assert key[:9] not in caplog.text


async def test_client_waits_for_a_paused_feed() -> None:
    """A client of a paused feed is notified, stays connected, and gets later messages."""
    arrays = Feed.objects.filter(name="arrays")
    await database_sync_to_async(arrays.update)(enabled=False)
    async with client("feed=arrays") as one:
        assert (await receive(one, "welcome"))["feeds"]["arrays"]["running"] is False
        assert (await receive(one, "notice"))["text"] == "feed arrays is switched off in the admin"
        await database_sync_to_async(arrays.update)(enabled=True)
        await generate(1)
        assert (await receive(one, "message"))["offset"] == 1


async def test_pause_and_removal_are_announced() -> None:
    """A feed that is paused or removed is announced to its clients."""
    arrays = Feed.objects.filter(name="arrays")
    node = await get_node()
    async with client("feed=arrays") as one:
        assert "is not running" in (await receive(one, "notice"))["text"]
        await database_sync_to_async(arrays.update)(enabled=False)
        await node.poll()
        assert (await receive(one, "notice"))["text"] == "feed arrays is switched off in the admin"
        await database_sync_to_async(arrays.delete)()
        await node.poll()
        assert (await receive(one, "notice"))["text"] == "feed arrays was removed"
    async with client("feed=arrays") as one:
        assert "is not a feed here; there are: users" in (await receive(one, "error"))["text"]


async def test_messages_arrive_in_order() -> None:
    """Every message that the generator makes arrives once and in order."""
    async with client("feed=arrays") as one:
        await receive(one, "welcome")
        await generate(700)
        offsets = [(await receive(one, "message"))["offset"] for _ in range(700)]
        assert offsets == list(range(1, 701))


async def test_late_client_gets_old_messages() -> None:
    """A client with an old position gets regenerated messages without a hole."""
    await generate(700)
    async with client("feed=arrays") as live:
        welcome = await receive(live, "welcome")
        epoch = welcome["feeds"]["arrays"]["epoch"]
    async with client(f"feed=arrays&after=arrays:{epoch}:5") as one:
        assert (await receive(one, "welcome"))["feeds"]["arrays"]["offset"] == 5
        offsets = [(await receive(one, "message"))["offset"] for _ in range(695)]
        assert offsets == list(range(6, 701))


async def test_dead_generator_is_announced() -> None:
    """A generator counts as alive until it is known to be dead; a stop shows at once."""
    arrays = Feed.objects.filter(name="arrays")
    await database_sync_to_async(arrays.update)(promised_us=5)
    async with client("feed=arrays") as one:
        assert (await receive(one, "welcome"))["feeds"]["arrays"]["running"] is True
        await notice(one, "its generator was killed, hangs, or cannot reach the database")
        await database_sync_to_async(arrays.update)(promised_us=6)
        await notice(one, "feed arrays is running")
        await database_sync_to_async(arrays.update)(promised=1, promised_us=0)
        await notice(one, "it was stopped; start it with")


async def notice(one: WebsocketCommunicator, words: str) -> None:
    """Wait for a notice with *words*."""
    while words not in (await receive(one, "notice"))["text"]:
        pass


async def test_database_that_does_not_answer_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice does not blame the generator, and the feed is running again afterwards."""

    def fail() -> None:
        raise OperationalError("no answer")

    arrays = Feed.objects.filter(name="arrays")
    await database_sync_to_async(arrays.update)(promised_us=5)
    node = await get_node()
    async with client("feed=arrays") as one:
        await receive(one, "welcome")
        await database_sync_to_async(arrays.update)(promised_us=6)
        await node.poll()
        with monkeypatch.context() as broken:
            broken.setattr(node.catalog, "read", fail)
            await notice(one, "feed arrays waits for the database; it continues once")
        await database_sync_to_async(arrays.update)(promised_us=7)
        await notice(one, "feed arrays is running")


async def test_new_epoch_is_announced_in_its_place() -> None:
    """After a change of seed a gap names the new epoch before its first message."""
    await generate(3)
    await database_sync_to_async(Feed.objects.filter(name="arrays").update)(seed=2)
    await generate(3)
    async with client("feed=arrays") as live:
        new = (await receive(live, "welcome"))["feeds"]["arrays"]["epoch"]
    segment = await database_sync_to_async(
        lambda: Feed.objects.get(name="arrays").segments.order_by("first")[0]
    )()
    assert segment.epoch != new
    async with client(f"feed=arrays&after=arrays:{segment.epoch}:2") as one:
        frames = [json.loads(await one.receive_from(timeout=PATIENCE_SECONDS)) for _ in range(7)]
        seen = [(frame["type"], frame.get("offset", frame.get("first"))) for frame in frames[2:]]
        assert seen[0] == ("message", 3)
        assert seen[1] == ("gap", 4)
        assert seen[2:] == [("message", 4), ("message", 5), ("message", 6)]
        assert (frames[3]["last"], frames[3]["epoch"], frames[3]["cause"]) == (3, new, "epoch")


async def test_change_before_the_first_message_is_announced() -> None:
    """A client welcomed before a feed ran learns that the feed starts with another recipe."""
    async with client("feed=arrays&block_size=3") as one:
        welcome = await receive(one, "welcome")
        await database_sync_to_async(Feed.objects.filter(name="arrays").update)(seed=2)
        await (await get_node()).poll()
        await generate(3)
        gap = await receive(one, "gap")
        assert (gap["first"], gap["last"], gap["cause"]) == (1, 0, "epoch")
        assert gap["epoch"] == await epoch() != welcome["feeds"]["arrays"]["epoch"]
        assert (await receive(one, "message"))["offset"] == 1
        await one.send_to(report(await epoch()))
        await receive(one, "ack")


async def test_foreign_position_continues_live_after_a_gap() -> None:
    """A position that is not part of this feed is answered with a gap, then live messages."""
    await generate(10)
    async with client("feed=arrays&after=arrays:ffffffffffff:4") as one:
        gap = await receive(one, "gap")
        assert (gap["first"], gap["last"], gap["cause"]) == (5, 10, "epoch")
        await generate(2)
        assert (await receive(one, "message"))["offset"] == 11


async def test_report_is_acknowledged_after_the_commit() -> None:
    """When the acknowledgement arrives, the report is in the database, once."""
    await generate(3)
    made = report(await epoch())
    async with client("client=alice&feed=arrays&block_size=3") as one:
        for _ in range(2):
            await one.send_to(made)
            assert (await receive(one, "ack"))["block"] == 1
            row = await BlockReport.objects.select_related("session").aget()
            assert (row.text, row.size, row.session.client) == (SENTENCE, 3, "alice")
        await one.send_to(report(await epoch(), seconds=9.0))
        assert (await receive(one, "error"))["code"] == "conflict"


async def test_any_text_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """Text outside the protocol is stored completely and printed escaped."""
    async with client() as one:
        texts = ["Hey Server!", '{"type":"dance"}', "\x1b[2J\nforged", "nul\0", "{"]
        for text in texts:
            await one.send_to(text)
        await one.send_to('{"type":"ping","t0":5}')
        assert (await receive(one, "pong"))["t0"] == 5

        async def kept() -> bool:
            return await ClientMessage.objects.acount() == len(texts)

        await until(kept)
        stored = [row.text async for row in ClientMessage.objects.order_by("pk")]
        assert stored == [text.replace("\0", "\\x00") for text in texts]


async def test_long_text_is_cut() -> None:
    """The start of a long text is stored, with the number of missing characters."""
    async with client() as one:
        await one.send_to("x" * 5000)

        async def kept() -> bool:
            return await ClientMessage.objects.acount() == 1

        await until(kept)
        row = await ClientMessage.objects.aget()
        assert row.text == "x" * 4096 + " … and 904 more characters"


@pytest.mark.parametrize(
    ("text", "code", "block"),
    [
        ('{"type":"report"}', "malformed", None),
        ('{"type":"report","block":-7}', "malformed", None),
        ('{"type":"report","block":7}', "malformed", 7),
        ('{"type":"ping","t0":-1}', "malformed", None),
        (report(size=4, block=2), "malformed", 2),
        (b"\x00\x01", "binary", None),
    ],
)
async def test_wrong_frame_is_answered(text: str | bytes, code: str, block: int | None) -> None:
    """A malformed frame stores nothing and ends nothing; the error names a report's block."""
    async with client() as one:
        if isinstance(text, bytes):
            await one.send_to(bytes_data=text)
        else:
            await one.send_to(text)
        error = await receive(one, "error")
        assert (error["code"], error.get("block")) == (code, block)
        await one.send_to('{"type":"ping","t0":1}')
        await receive(one, "pong")
    assert not await BlockReport.objects.aexists()


async def test_huge_frame_ends_the_connection() -> None:
    """A frame above the limit is refused with the limit and code 4504."""
    async with client() as one:
        await one.send_to("x" * (256 * 1024 + 1))
        assert (await receive(one, "error"))["text"] == (
            "a frame of 262145 bytes arrived; 262144 are allowed"
        )
        assert (await receive(one, "bye"))["code"] == 4504
        assert (await one.receive_output(timeout=PATIENCE_SECONDS))["code"] == 4504


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("feed=nope", "feed='nope' is not a feed here; there are: arrays, users"),
        ("block_size=0", "block_size='0' is not allowed: a whole number from 1 to 100000"),
        ("client=%1b", "client='\\x1b' is not allowed"),
        ("session=short", "session='short'… (5 characters) is not allowed: 16 to 64"),
    ],
)
async def test_bad_url_is_refused_with_a_sentence(query: str, words: str) -> None:
    """The error explains what is wrong in the URL, and the connection is closed with 4501."""
    async with client(query) as one:
        error = await receive(one, "error")
        assert (error["code"], error["retryable"]) == ("bad_request", False)
        assert words in error["text"]
        assert (await receive(one, "bye"))["code"] == 4501
        assert (await one.receive_output(timeout=PATIENCE_SECONDS))["code"] == 4501
    assert not await ClientSession.objects.aexists()


async def test_wrong_path_is_refused() -> None:
    """There is one address for feeds; any other is refused with a sentence."""
    async with client(path="/feeds") as one:
        assert "there is nothing at '/feeds'" in (await receive(one, "error"))["text"]


async def test_unknown_parameter_is_ignored_with_a_notice() -> None:
    """A mistyped parameter is named together with the valid ones."""
    async with client("feeds=arrays") as one:
        assert (await receive(one, "notice"))["text"] == (
            "parameter 'feeds' is ignored; "
            "known are client, feed, block_size, session, after, at, from, token"
        )


async def test_bye_ends_the_session() -> None:
    """A client that leaves is closed with 1000, and its session has left."""
    async with client("client=alice") as one:
        await receive(one, "welcome")
        await one.send_to('{"type":"bye"}')
        assert (await receive(one, "bye"))["code"] == 1000
        assert (await one.receive_output(timeout=PATIENCE_SECONDS))["code"] == 1000

    async def gone() -> bool:
        return await ClientSession.objects.filter(status="left").acount() == 1

    await until(gone)
    connection = await Connection.objects.aget()
    assert (connection.close_code, connection.reason) == (1000, "the client left")


async def test_newest_connection_of_a_session_wins() -> None:
    """The older connection is closed with 4509; the newer one is served."""
    query = "feed=arrays&session=0123456789abcdef"
    async with client(query) as older:
        await receive(older, "welcome")
        async with client(query) as newer:
            assert (await receive(older, "bye"))["code"] == 4509
            await generate(2)
            assert (await receive(newer, "message"))["offset"] == 1


async def test_older_connection_ends_after_a_layer_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the layer is unavailable both are served; afterwards the older one is closed."""
    query = "feed=arrays&session=0123456789abcdef"
    node = await get_node()

    async def away(*_: Any) -> None:
        raise ConnectionError

    async with client(query) as older:
        await receive(older, "welcome")
        with monkeypatch.context() as layer:
            layer.setattr(InMemoryChannelLayer, "send", away)
            async with client(query) as newer:
                await receive(newer, "welcome")
                await node.recorder.flush(PATIENCE_SECONDS)
                await older.send_to('{"type":"ping","t0":1}')
                await receive(older, "pong")
                layer.undo()
                await node.presence.keep()
                assert (await receive(older, "bye"))["code"] == 4509
                await newer.send_to('{"type":"ping","t0":1}')
                await receive(newer, "pong")


async def test_connection_that_ended_before_it_was_stored_ends_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that moved to another server while the database was unavailable stays connected."""
    be_impatient(monkeypatch)
    query = "feed=arrays&session=0123456789abcdef"
    node = await get_node()
    async with client(query) as kept:
        await receive(kept, "welcome")
        await node.recorder.flush(PATIENCE_SECONDS)
        with locked():
            async with client(query) as brief:
                await receive(brief, "welcome")
        for _ in range(2):
            await node.recorder.flush(PATIENCE_SECONDS)
            await node.presence.keep()
        await node.recorder.flush(PATIENCE_SECONDS)
        await kept.send_to('{"type":"ping","t0":1}')
        await receive(kept, "pong")
        assert (await ClientSession.objects.aget()).status == "online"
        ends = Connection.objects.order_by("pk").values_list("close_code", flat=True)
        assert [code async for code in ends] == [None, 1000]


async def test_session_is_fixed() -> None:
    """A known session cannot change its block size or feeds."""
    await generate(3)
    async with client("feed=arrays&block_size=3&session=0123456789abcdef") as one:
        await one.send_to(report(await epoch()))
        await receive(one, "ack")
    async with client("feed=arrays&block_size=3&session=0123456789abcdef") as again:
        assert (await receive(again, "welcome"))["blocks"] == 1
    async with client("feed=users&block_size=3&session=0123456789abcdef") as other:
        assert (await receive(other, "error"))["text"] == (
            "session 01234567 collects blocks of 3 from arrays; "
            "start a new session for anything else"
        )


async def test_notice_reaches_the_clients_of_a_feed() -> None:
    """A notice to the group of a feed reaches the clients of that feed."""
    async with client("feed=arrays") as one:
        await receive(one, "notice")

        async def joined() -> bool:
            return bool(getattr(get_channel_layer(), "groups").get("clients.arrays"))  # noqa: B009

        await until(joined)
        notice = {"type": "client.notice", "text": "Back at noon"}
        await get_channel_layer().group_send("clients.arrays", notice)
        assert (await receive(one, "notice"))["text"] == "Back at noon"


async def test_position_of_a_lost_history_continues_at_the_head() -> None:
    """A position ahead of the feed, or with another time, continues at the head after a gap."""
    await generate(20)
    made = await epoch()
    segment = await Segment.objects.aget(feed__name="arrays")
    at = segment.started_us + 14 * 1000
    for offset, time in ((30, ""), (30, f"&at=arrays:{at}"), (15, f"&at=arrays:{at - 1}")):
        async with client(f"feed=arrays&after=arrays:{made}:{offset}{time}") as one:
            assert (await receive(one, "welcome"))["feeds"]["arrays"]["offset"] == 20
            gap = {"first": min(offset, 20) + 1, "last": 20, "epoch": made, "cause": "history"}
            assert await receive(one, "gap") == {"type": "gap", "feed": "arrays"} | gap
    async with client(f"feed=arrays&after=arrays:{made}:15&at=arrays:{at}") as one:
        assert (await receive(one, "message"))["offset"] == 16


async def test_client_ahead_of_a_process_gets_nothing_twice() -> None:
    """A process behind the client's position catches up first, and sends nothing twice."""
    await generate(3)
    node = await get_node()
    await generate(20)
    made = await epoch()
    node.hub.streams["arrays"].restart(3)
    async with client(f"feed=arrays&after=arrays:{made}:15") as one:
        assert (await receive(one, "welcome"))["feeds"]["arrays"]["offset"] == 15
        offsets = [(await receive(one, "message"))["offset"] for _ in range(8)]
        assert offsets == list(range(16, 24))
