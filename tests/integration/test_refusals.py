"""What is not allowed is answered in the words of the protocol, each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from pytest_django import Settings

from clientapp.wire import SUBPROTOCOL
from clientapp.wire.closing import Close, may_return
from feeds.core.limits import LIMITS
from feeds.models import BlockReport
from feeds.serving.node import Node, get_node, stop_node
from tests.support.protocol_schema import SCHEMA
from tests.support.session import client, close_code, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

Failing = Callable[[WebsocketCommunicator, Node], Awaitable[None]]
BLOCKS = "client=alice&feed=arrays&block_size=3"


@pytest.fixture(autouse=True)
async def node(settings: Settings, default_feeds: None) -> AsyncIterator[Node]:
    """Give every test a node and a layer of its own."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    yield await get_node()
    await stop_node()


async def malformed(one: WebsocketCommunicator, _: Node) -> None:
    """Say something of which a field is wrong."""
    await one.send_to('{"type":"ping","t0":-1}')


async def untrue(one: WebsocketCommunicator, _: Node) -> None:
    """Report what nobody can have received."""
    await one.send_to(report())


async def conflict(one: WebsocketCommunicator, _: Node) -> None:
    """Report one block in two ways."""
    await generate(3)
    await one.send_to(report(await epoch()))
    await receive(one, "ack")
    await one.send_to(report(await epoch(), seconds=9.0))


async def binary(one: WebsocketCommunicator, _: Node) -> None:
    """Say something that is no text."""
    await one.send_to(bytes_data=b"\0")


async def too_large(one: WebsocketCommunicator, _: Node) -> None:
    """Say more than is allowed."""
    await one.send_to("x" * (LIMITS.frame_bytes + 1))


async def busy(one: WebsocketCommunicator, node: Node) -> None:
    """Say something while nothing more can be kept."""
    node.recorder._limits = replace(LIMITS, waiting_facts=0)
    await one.send_to("Hey Server!")


FAILING: dict[str, Failing] = {
    one.__name__: one for one in (malformed, untrue, conflict, binary, too_large, busy)
}


def no_room(node: Node) -> None:
    """Let the node take no connection."""
    node._admissions._limits = replace(LIMITS, connections=0)


def no_memory(node: Node) -> None:
    """Let the node keep nothing."""
    node.recorder._limits = replace(LIMITS, waiting_facts=0)


def no_trouble(_: Node) -> None:
    """Leave the node as it is."""


REFUSED: dict[str, tuple[str, Callable[[Node], None], Close]] = {
    "bad_request": ("feed=nope", no_trouble, Close.BAD_REQUEST),
    "too_many": ("", no_room, Close.TOO_MANY),
    "unavailable": ("", no_memory, Close.UNAVAILABLE),
}


def test_every_error_is_reached() -> None:
    """No error of the protocol is without a case here."""
    codes = {one["const"] for one in SCHEMA["$defs"]["errorCode"]["anyOf"] if "const" in one}
    assert codes == FAILING.keys() | REFUSED.keys()


@pytest.mark.parametrize("code", FAILING)
async def test_what_is_said_wrongly_is_refused(code: str, node: Node) -> None:
    """The code says what is wrong; unless it was too large, the connection goes on."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        await FAILING[code](one, node)
        error = await receive(one, "error")
        assert (error["code"], error["retryable"]) == (code, code == "busy")
        if code == "too_large":
            assert await close_code(one) == Close.LIMIT
        else:
            await one.send_to('{"type":"ping","t0":1}')
            await receive(one, "pong")


@pytest.mark.parametrize("code", REFUSED)
async def test_a_connection_is_refused(code: str, node: Node) -> None:
    """A client hears why it is not served, and by the close code whether to come back."""
    query, trouble, close = REFUSED[code]
    trouble(node)
    async with client(query) as one:
        error = await receive(one, "error")
        assert (error["code"], error["retryable"]) == (code, may_return(close))
        assert await close_code(one) == close


async def test_a_connection_too_many_ends_no_other(node: Node) -> None:
    """Where there is room for one, the first is served and the second told so."""
    node._admissions._limits = replace(LIMITS, connections=1)
    async with client(BLOCKS) as first:
        await receive(first, "welcome")
        async with client() as second:
            assert (await receive(second, "error"))["text"] == (
                "this server has 1 connections, which is all it takes; come back later"
            )
            assert (await receive(second, "bye"))["retry_after"] == 5.0
        await generate(1)
        assert (await receive(first, "message"))["offset"] == 1
    async with client() as third:
        await receive(third, "welcome")


async def test_a_database_that_is_away_sends_nobody_away_for_good(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be looked up is unavailable, not forbidden: the client comes back."""

    def fail() -> None:
        raise OSError("gone")

    monkeypatch.setattr(node.catalog, "read", fail)
    for query in ("feed=later", "after=users:0123456789ab:7"):
        async with client(query) as one:
            assert (await receive(one, "error"))["code"] == "unavailable"
            assert await close_code(one) == Close.UNAVAILABLE


UNTRUE: list[tuple[dict[str, Any], str]] = [
    ({"size": 2, "part": {"count": 2}}, "size is 2; blocks of this session hold 3"),
    ({"part": {"first": 4}}, "arrays: last is 3, before first, which is 4"),
    ({"part": {"last": 9}}, "arrays: last is 9, but the feed ends at 4"),
    ({"part": {"epoch": "f" * 12}}, "arrays: offset 3 is of epoch '{epoch}', not 'ffffffffffff'"),
    ({"part": {"epoch": ""}}, "arrays: offset 3 is of epoch '{epoch}', not ''"),
]


@pytest.mark.parametrize(("changes", "sentence"), UNTRUE, ids=range(len(UNTRUE)))
async def test_what_cannot_be_true_is_not_stored(changes: dict[str, Any], sentence: str) -> None:
    """The error names the block, the value, and what is the case."""
    await generate(4)
    made = await epoch()
    async with client(BLOCKS) as one:
        await one.send_to(report(made, **changes))
        error = await receive(one, "error")
        assert (error["code"], error["block"]) == ("untrue", 1)
        assert error["text"] == "block 1 cannot be true: " + sentence.format(epoch=made)
        await one.send_to(report(made))
        await receive(one, "ack")
    assert await BlockReport.objects.acount() == 1


async def test_a_feed_of_another_session_is_none_of_this_one() -> None:
    """A report holds feeds that its session asked for."""
    await generate(3)
    async with client("block_size=3") as one:
        await one.send_to(report(await epoch()))
        assert (await receive(one, "error"))["text"] == (
            "block 1 cannot be true: arrays is not a feed of this session; it asked for users"
        )


async def test_what_this_process_has_not_heard_of_may_be_true(node: Node) -> None:
    """A report ahead of a stale catalog is judged by the database."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        known = node.catalog.feeds
        await generate(3)
        node.catalog.feeds = known
        node.hub.restart("arrays", 0)
        await one.send_to(report(await epoch()))
        await receive(one, "ack")


async def test_a_report_ahead_waits_for_the_database(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing can be looked up, a report is neither stored nor refused for good."""

    def fail() -> None:
        raise OSError("gone")

    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        monkeypatch.setattr(node.catalog, "read", fail)
        await one.send_to(report())
        error = await receive(one, "error")
        assert (error["code"], error["block"], error["retryable"]) == ("busy", 1, True)


async def test_a_query_must_be_utf_8() -> None:
    """Bytes that are no text are refused with a sentence."""
    one = WebsocketCommunicator(application, "/", subprotocols=[SUBPROTOCOL])
    one.scope["query_string"] = b"client=\xff"
    await one.connect(timeout=PATIENCE_SECONDS)
    assert (await receive(one, "error"))["text"] == (
        "the query string cannot be read: it is not UTF-8"
    )
    await one.disconnect()
