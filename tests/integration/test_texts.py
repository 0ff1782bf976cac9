"""Texts of a client that chats at full speed: little is stored, and reports go first."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from clientapp.wire.closing import Close
from feeds.core.limits import LIMITS
from feeds.models import BlockReport, ClientMessage
from feeds.serving.node import Node, get_node, stop_node
from feeds.storing import ledger, texts
from feeds.storing.facts import Said
from feeds.storing.recorder import Recorder
from tests.integration.test_recorder import KEY, NOW, OPENED, said
from tests.support.session import client, close_code, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS

FEW = replace(LIMITS, text_rate=0.001, text_burst=3, refusal_rate=0.001, refusal_burst=5)


@pytest.fixture(autouse=True)
async def node(settings: Settings, default_feeds: None) -> AsyncIterator[Node]:
    """Give every test its own channel layer and node."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    yield await get_node()
    await stop_node()


async def test_text_rate(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Texts beyond the rate are answered, and neither stored nor logged; reports still are."""
    monkeypatch.setattr(node, "limits", FEW)
    caplog.set_level(logging.INFO, "feeds.clients")
    await generate(3)
    async with client("client=alice&feed=arrays&block_size=3") as one:
        for number in range(6):
            await one.send_to(f"text {number}")
        for _ in range(3):
            failure = await receive(one, "error")
            assert failure["code"] == "busy"
            assert failure["text"] == "the text was not stored: more than 0.001 a second"
        await one.send_to(report(await epoch()))
        await receive(one, "ack")
        assert await ClientMessage.objects.acount() == 3
        assert await BlockReport.objects.acount() == 1
    assert await node.recorder.flush(PATIENCE_SECONDS)
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "says" in line] == [f"alice says: text {n}" for n in range(3)]
    refused = [line for line in lines if "refused" in line]
    assert refused == [
        "alice: refused: the text was not stored: more than 0.001 a second",
        "alice: refused 2 more messages",
    ]


async def test_long_texts_count_more(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text counts as one, plus one for every thousand characters."""
    monkeypatch.setattr(node, "limits", FEW)
    async with client("client=alice") as one:
        await one.send_to("x" * 2000)
        await one.send_to("y")
        await receive(one, "error")
    assert await node.recorder.flush(PATIENCE_SECONDS)
    assert [row.text async for row in ClientMessage.objects.all()] == ["x" * 2000]


async def test_client_that_only_chats_is_disconnected(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client far over the rate of texts gets an error and 4504."""
    monkeypatch.setattr(node, "limits", FEW)
    async with client("client=alice") as one:
        for _ in range(9):
            await one.send_to("x")
        while (failure := await receive(one, "error"))["code"] == "busy":
            pass
        assert failure["text"] == "over 5 texts or binary frames arrived too fast"
        assert await close_code(one) == Close.LIMIT


async def test_plain_client_that_only_chats_is_disconnected(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain client gets the reason in the close frame."""
    monkeypatch.setattr(node, "limits", FEW)
    async with client("client=alice", offers=()) as one:
        for _ in range(9):
            await one.send_to("x")
        closed = await one.receive_output(timeout=PATIENCE_SECONDS)
    assert (closed["code"], closed["reason"]) == (
        Close.LIMIT,
        "over 5 texts or binary frames arrived too fast",
    )


async def test_waiting_texts() -> None:
    """Texts leave room in the queue for everything else, and get it back when stored."""
    recorder = Recorder(replace(LIMITS, waiting_texts=2, waiting_facts=10))
    taken = [recorder.record(said(str(n))) for n in range(3)]
    assert taken == [True, True, False]
    assert recorder.record(OPENED)
    await recorder._commit()
    assert not recorder._waiting
    assert [recorder.record(said(str(n))) for n in range(3)] == [True, True, False]
    await recorder.stop()


def test_session_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest texts of a session are kept; other sessions lose none."""
    store = texts.store
    monkeypatch.setattr(texts, "store", lambda ids, facts: store(ids, facts, most=2))
    other = replace(OPENED, session="the-key-of-another-session", channel="c2")
    ledger.commit([OPENED, other, Said(session=other.session, text="kept", at=NOW), said("0")])
    ledger.commit([said("1"), said("2")])
    ledger.commit([said("3")])
    kept = ClientMessage.objects.order_by("pk").values_list("session__key", "text")
    assert list(kept) == [(other.session, "kept"), (KEY, "2"), (KEY, "3")]


def test_surplus_texts_are_removed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of an older version may have a million texts: no transaction removes them all."""
    monkeypatch.setattr(texts, "REMOVED_PER_TEXT", 2)
    ledger.commit([OPENED, *(said(str(n)) for n in range(8))])
    store = texts.store
    monkeypatch.setattr(texts, "store", lambda ids, facts: store(ids, facts, most=2))
    left = []
    for number in range(8, 16):
        ledger.commit([said(str(number))])
        left.append(ClientMessage.objects.count())
    assert left == [7, 6, 5, 4, 3, 2, 2, 2]
    kept = ClientMessage.objects.order_by("pk").values_list("text", flat=True)
    assert list(kept) == ["14", "15"]
