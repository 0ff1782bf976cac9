"""Clients that do not speak the protocol: they get messages, and send sentences."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from clientapp.wire.closing import MAX_REASON_BYTES, Close
from feeds.core.limits import LIMITS
from feeds.models import BlockReport, ClientMessage, ClientSession, Connection, Feed
from feeds.serving.node import Node, get_node, stop_node
from feeds.storing import retention
from tests.support.protocol_schema import validator
from tests.support.session import client, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS

IS_PLAIN = validator("toPlainClient")

pytestmark = pytest.mark.usefixtures("node")


@asynccontextmanager
async def plain(
    query: str = "feed=arrays", offers: Sequence[str] = ()
) -> AsyncIterator[WebsocketCommunicator]:
    """Connect as a client without a subprotocol, and wait until it is served."""
    hub = (await get_node()).hub
    async with client(query, offers=offers) as one:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not hub.subscribers:
                await asyncio.sleep(0)
        yield one
    while hub.subscribers:
        await asyncio.sleep(0)


async def offsets(one: WebsocketCommunicator, count: int) -> list[int]:
    """Return the offsets of the next frames, which must all be messages."""
    frames = [json.loads(await one.receive_from(timeout=PATIENCE_SECONDS)) for _ in range(count)]
    assert all(IS_PLAIN.is_valid(frame) for frame in frames), frames
    return [frame["offset"] for frame in frames]


async def say(one: WebsocketCommunicator, *texts: str) -> None:
    """Send *texts*, and wait until all of them are stored."""
    node = await get_node()
    last = ClientMessage.objects.filter(text="done")
    before = await last.acount()
    for text in (*texts, "done"):
        await one.send_to(text)
    while await last.acount() == before:
        assert await one.receive_nothing(timeout=0.05, interval=0.01)
        await node.recorder.flush(PATIENCE_SECONDS)


async def reports(*fields: str) -> list[Any]:
    """Return *fields* of the stored reports, in order of storage."""
    rows = BlockReport.objects.order_by("pk")
    return [row async for row in rows.values_list(*fields)]


async def test_only_messages_reach_a_plain_client(node: Node) -> None:
    """A plain client gets no welcome, notice, heartbeat, pong, error or acknowledgement."""
    async with plain("feed=arrays&feeds=users") as one:
        said = ['{"type":"ping","t0":1}', '{"type":"report","block":1}', '{"type":"ping","t0":NaN}']
        said += ["Client 1 received 1 block in 0.1 time", '{"type":"bye"}']
        await say(one, *said)
        await node._announcer.beat()
        await get_channel_layer().group_send("clients", {"type": "client.notice", "text": "hello"})
        await generate(3)
        assert await offsets(one, 3) == [1, 2, 3]
        assert await one.receive_nothing()
    kept = [row.text async for row in ClientMessage.objects.order_by("pk")]
    assert kept == [*said[:3], said[4], "done"]
    assert await reports("text") == [(said[3],)]


@pytest.mark.parametrize(
    ("query", "offers", "is_plain"),
    [
        ("feed=arrays", ["mqtt"], True),
        ("feed=arrays&client=alice&block_size=3", [], True),
        ("feed=arrays", ["mqtt", "blockfeed.v1"], False),
        ("feed=arrays&session=0123456789abcdef", [], False),
    ],
)
async def test_subprotocol_or_session_makes_a_client_of_the_protocol(
    query: str, offers: Sequence[str], *, is_plain: bool
) -> None:
    """A client that offers the subprotocol or names a session is welcomed; no other is."""
    async with plain(query, offers) as one:
        if not is_plain:
            await receive(one, "welcome")
            await receive(one, "notice")
        await generate(1)
        if not is_plain:
            await receive(one, "gap")
        assert await offsets(one, 1) == [1]


@pytest.mark.parametrize(
    ("query", "limits", "close", "words"),
    [
        ("feed=nope", {}, Close.BAD_REQUEST, "feed='nope' is not a feed here; there are: arrays"),
        ("feed=" + "é" * 99, {}, Close.BAD_REQUEST, "feed='ééé"),
        ("", {"connections": 0}, Close.TOO_MANY, "this server has 0 connections"),
        ("", {"waiting_facts": 0}, Close.UNAVAILABLE, "this connection cannot be recorded"),
    ],
)
async def test_plain_client_is_refused_by_code_and_reason(
    node: Node, query: str, limits: dict[str, Any], close: Close, words: str
) -> None:
    """A refused plain client gets only the close frame, whose reason fits into it."""
    limited = replace(LIMITS, **limits)
    node._admissions._limits = node.recorder._limits = limited
    async with client(query, offers=()) as one:
        closed = await one.receive_output(timeout=PATIENCE_SECONDS)
        assert (closed["type"], closed["code"]) == ("websocket.close", close)
        assert closed["reason"].startswith(words)
        assert len(closed["reason"].encode()) <= MAX_REASON_BYTES


async def test_plain_client_is_ended_by_code_and_reason(node: Node) -> None:
    """A frame above the limit, and a disconnect by an operator, close with a reason."""
    async with plain() as one:
        await one.send_to("x" * (LIMITS.frame_bytes + 1))
        closed = await one.receive_output(timeout=PATIENCE_SECONDS)
        assert (closed["code"], closed["reason"]) == (
            Close.LIMIT,
            "a frame of 262145 bytes arrived; 262144 are allowed",
        )
    async with plain() as one:
        await say(one)
        channel = (await Connection.objects.aget(closed_at=None)).channel
        await get_channel_layer().send(channel, {"type": "client.removed"})
        closed = await one.receive_output(timeout=PATIENCE_SECONDS)
        assert (closed["code"], "operator" in closed["reason"]) == (Close.REMOVED, True)


async def test_binary_frame_of_a_plain_client_is_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A binary frame is logged, nothing is stored, and the connection continues."""
    async with plain() as one:
        await one.send_to(bytes_data=b"Client 1 received 1 block in 1 time")
        await say(one)
        await generate(1)
        assert await offsets(one, 1) == [1]
    assert "guest: refused: a binary frame arrived; send text" in caplog.text
    assert await reports("text") == []


async def test_every_sentence_is_a_report() -> None:
    """The server counts the sentences; the number in them is stored as well."""
    async with plain("feed=arrays&client=bob") as one:
        said = [f"Client bob received 5 block in {seconds} time" for seconds in (3.25, 5.2e-05)]
        await say(one, *said, said[1], "client bob received 5 blocks in 0:01:00 time")
    found = await reports("plain", "number", "number_said", "seconds", "text", "verdict")
    assert [row[:4] for row in found] == [
        (True, 1, 5, 3.25),
        (True, 2, 5, 5.2e-05),
        (True, 3, 5, 5.2e-05),
        (True, 4, 5, 60.0),
    ]
    assert [row[4] for row in found[:3]] == [*said, said[1]]
    assert {row[5] for row in found} == {"unverifiable"}
    session = await ClientSession.objects.aget()
    assert (session.blocks, session.unverifiable, session.sentences) == (4, 4, 4)


async def test_size_is_counted_since_the_last_sentence() -> None:
    """The sizes of blocks add up to the messages written, however the client cuts them."""
    async with plain("feed=arrays&client=bob") as one:
        for number, size in enumerate((3, 1, 0, 600), 1):
            if size:
                await generate(size)
            await offsets(one, size)
            await say(one, f"Client bob received {number} block in 1.0 time")
    assert await reports("number", "size") == [(1, 3), (2, 1), (3, 0), (4, 600)]
    session = await ClientSession.objects.aget()
    assert (session.messages, session.block_size) == (604, 0)


async def test_declared_size_is_the_size_of_each_block() -> None:
    """The declared block size is used, because a block may have begun earlier."""
    async with plain("feed=arrays&client=bob&block_size=3") as one:
        await generate(4)
        await offsets(one, 4)
        await say(one, *["Client bob received 1 block in 1.0 time"] * 2)
    assert await reports("number", "size") == [(1, 3), (2, 3)]
    assert (await ClientSession.objects.aget()).block_size == 3


async def test_each_connection_of_a_plain_client_is_a_session() -> None:
    """After a reconnect blocks and messages are counted from one again."""
    for size in (2, 3):
        async with plain("feed=arrays&client=bob") as one:
            await generate(size)
            await offsets(one, size)
            await say(one, "Client bob received 9 block in 1.0 time")
    assert await reports("number", "number_said", "size") == [(1, 9, 2), (1, 9, 3)]


async def test_guest_gets_the_name_in_its_first_sentence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Session and log use the name; an invalid name is skipped."""
    async with plain() as one:
        await say(
            one,
            "Client <me> received 1 block in 1.0 time",
            "Client Zoë K. received 2 block in 1.0 time",
            "Client bob received 3 block in 1.0 time",
        )
        assert (await ClientSession.objects.aget()).client == "Zoë K."
    await (await get_node()).recorder.flush(PATIENCE_SECONDS)
    assert "guest: Client <me> received" in caplog.text
    assert "Zoë K.: Client bob received" in caplog.text
    assert "Zoë K. disconnected" in caplog.text


async def test_text_that_is_nearly_a_sentence_is_corrected_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log shows the right wording once per connection; the text is kept as a message."""
    nearly = "Client <bob> received <1> block in <2.5> time"
    async with plain("feed=arrays&client=bob") as one:
        await say(one, "Hey Server!")
        assert "a report reads" not in caplog.text
        await say(one, nearly, nearly)
    hint = "bob: this is not a report; a report reads: Client bob received 3 block in 4.002 s time"
    assert [line for line in caplog.messages if "a report reads" in line] == [hint]
    assert await reports("text") == []
    assert await ClientMessage.objects.filter(text=nearly).acount() == 2


async def test_guest_keeps_its_name_after_a_reconnect() -> None:
    """A session that reconnects without a name keeps the one from its sentence."""
    query = "feed=arrays&session=0123456789abcdef"
    for name in ("bob", "eve"):
        async with client(query, offers=()) as one:
            await one.send_to(f"Client {name} received 1 block in 1.0 time")
            await receive(one, "ack")
    assert (await ClientSession.objects.aget()).client == "bob"


async def test_sentences_and_receipts_are_counted_apart() -> None:
    """A client of the protocol may also send sentences, which do not affect its reports."""
    await generate(6)
    made = await epoch()
    query = "client=alice&feed=arrays&block_size=3&session=0123456789abcdef"
    async with client(query) as one:
        await one.send_to("Client alice received 7 block in 1.5 s time")
        ack = await receive(one, "ack")
        assert (ack["block"], ack["verdict"]) == (1, "unverifiable")
        await one.send_to(report(made))
        assert (await receive(one, "ack"))["block"] == 1
    async with client(query) as again:
        assert (await receive(again, "welcome"))["blocks"] == 1
        await again.send_to("Client alice received 7 block in 1.5 s time")
        assert (await receive(again, "ack"))["block"] == 2
    found = await reports("plain", "number", "size")
    assert sorted(found) == [(False, 1, 3), (True, 1, 3), (True, 2, 3)]


async def test_sentence_is_refused_while_the_recorder_is_full(node: Node) -> None:
    """If too many facts wait, a client of the protocol is asked to send its sentence again."""
    async with client("feed=arrays") as one:
        await receive(one, "welcome")
        node.recorder._limits = replace(LIMITS, waiting_facts=0)
        await one.send_to("Client alice received 7 block in 1.5 s time")
        assert (await receive(one, "error"))["code"] == "busy"


@pytest.mark.parametrize(
    ("query", "first"), [("from=start", 1), ("from=1", 1), ("from=5", 5), ("from=8", 8)]
)
async def test_plain_client_starts_at_the_given_offset(query: str, first: int) -> None:
    """A plain client can start with any existing message or the next one."""
    await generate(7)
    async with plain(f"feed=arrays&{query}") as one:
        await generate(1)
        assert await offsets(one, 9 - first) == list(range(first, 9))


async def test_protocol_client_starts_at_the_given_offset() -> None:
    """The welcome names the offset before the requested one."""
    await generate(7)
    async with client("feed=arrays&from=5") as one:
        welcome = await receive(one, "welcome")
        assert welcome["feeds"]["arrays"]["offset"] == 4
        assert (await receive(one, "message"))["offset"] == 5


async def test_offset_ahead_of_a_feed_is_refused() -> None:
    """A client cannot request a message beyond the next one."""
    await generate(7)
    async with client("feed=arrays&from=9", offers=()) as one:
        closed = await one.receive_output(timeout=PATIENCE_SECONDS)
        assert (closed["code"], closed["reason"]) == (
            Close.BAD_REQUEST,
            "from=9 lies ahead of arrays, which ends at 7",
        )


async def test_change_of_a_recipe_does_not_reach_a_plain_client() -> None:
    """A plain client gets the messages before and after the change, live and later, but no gap."""
    arrays = Feed.objects.filter(name="arrays")
    async with plain() as one:
        await generate(3)
        await database_sync_to_async(arrays.update)(seed=2)
        await generate(3)
        assert await offsets(one, 6) == [1, 2, 3, 4, 5, 6]
    await stop_node()
    async with plain("feed=arrays&from=start") as one:
        assert await offsets(one, 6) == [1, 2, 3, 4, 5, 6]
        assert await one.receive_nothing()


async def test_unavailable_messages_are_in_no_block() -> None:
    """A plain client does not learn of a hole, and the size of its block excludes it."""
    await generate(3)
    await database_sync_to_async(Feed.objects.filter(name="arrays").update)(seed=2)
    await generate(3)
    # Without the first segment, messages from before this process cannot be regenerated.
    segments = (await Feed.objects.aget(name="arrays")).segments
    await (await segments.order_by("first").afirst()).adelete()  # type: ignore[union-attr]
    await stop_node()
    async with plain("feed=arrays&from=start") as one:
        await generate(2)
        assert await offsets(one, 2) == [7, 8]
        await say(one, "Client bob received 1 block in 1.0 time")
    assert await reports("size") == [(2,)]


async def test_sentence_that_is_committed_again_is_stored_once() -> None:
    """After a lost answer the same facts are committed again; equal sentences stay separate."""
    node = await get_node()
    committed: list[Any] = []
    run = node.recorder._store.run

    async def twice(call: Any, facts: Any) -> Any:
        outcomes = await run(call, facts)
        again = await run(call, facts)
        committed.extend(zip(outcomes, again, strict=True))
        return again

    node.recorder._store.run = twice  # type: ignore[method-assign, assignment]
    async with plain("feed=arrays&client=bob") as one:
        await say(one, *["Client bob received 5 block in 1.0 time"] * 3)
    assert await reports("number") == [(1,), (2,), (3,)]
    plain_ones = [(first, again) for first, again in committed if first.number]
    assert [
        (first.number, first.is_new, again.number, again.is_new) for first, again in plain_ones
    ] == [(number, True, number, False) for number in (1, 2, 3)]
    session = await ClientSession.objects.aget()
    assert (session.blocks, session.sentences) == (3, 3)


async def test_numbers_continue_after_pruning() -> None:
    """Pruning frees no numbers of sentences, and no report counts as missing."""
    query = "client=alice&feed=arrays&session=0123456789abcdef"
    for number in (1, 2):
        async with client(query) as one:
            welcome = await receive(one, "welcome")
            assert welcome["blocks"] == 0
            await one.send_to("Client alice received 9 block in 1.5 s time")
            assert (await receive(one, "ack"))["block"] == number
        await database_sync_to_async(list)(retention.remove("reports", datetime.now(UTC)))
    assert (await ClientSession.objects.aget()).forgotten == 0
