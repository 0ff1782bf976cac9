"""Refusals: each error of the protocol."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from clientapp.wire import SUBPROTOCOL
from clientapp.wire.closing import Close, may_return
from feeds.access.known import Known
from feeds.core.limits import LIMITS
from feeds.models import BlockReport
from feeds.serving.node import Node
from tests.support.protocol_schema import SCHEMA
from tests.support.session import client, close_code, epoch, generate, receive, report
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

Failing = Callable[[WebsocketCommunicator, Node], Awaitable[None]]
BLOCKS = "client=alice&feed=arrays&block_size=3"

pytestmark = pytest.mark.usefixtures("node")


async def malformed(one: WebsocketCommunicator, _: Node) -> None:
    """Send a frame with a wrong field."""
    await one.send_to('{"type":"ping","t0":-1}')


async def untrue(one: WebsocketCommunicator, _: Node) -> None:
    """Report a block that cannot exist."""
    await one.send_to(report(size=2, part={"count": 2}))


async def conflict(one: WebsocketCommunicator, _: Node) -> None:
    """Report one block with two contents."""
    await generate(3)
    await one.send_to(report(await epoch()))
    await receive(one, "ack")
    await one.send_to(report(await epoch(), seconds=9.0))


async def binary(one: WebsocketCommunicator, _: Node) -> None:
    """Send a binary frame."""
    await one.send_to(bytes_data=b"\0")


async def too_large(one: WebsocketCommunicator, _: Node) -> None:
    """Send a frame above the limit."""
    await one.send_to("x" * (LIMITS.frame_bytes + 1))


async def busy(one: WebsocketCommunicator, node: Node) -> None:
    """Send a text while the recorder is full."""
    node.recorder._limits = replace(LIMITS, waiting_facts=0)
    await one.send_to("Hey Server!")


FAILING: dict[str, Failing] = {
    one.__name__: one for one in (malformed, untrue, conflict, binary, too_large, busy)
}


def no_room(node: Node) -> None:
    """Let the node accept no connection."""
    node._admissions._limits = replace(LIMITS, connections=0)


def no_memory(node: Node) -> None:
    """Let the node store nothing."""
    node.recorder._limits = replace(LIMITS, waiting_facts=0)


def ban(node: Node) -> None:
    """Let the node refuse a client by its name."""
    node._gate._known = Known(clients=frozenset({"mallory"}))


def no_trouble(_: Node) -> None:
    """Leave the node as it is."""


REFUSED: dict[str, tuple[str, Callable[[Node], None], Close]] = {
    "bad_request": ("feed=nope", no_trouble, Close.BAD_REQUEST),
    "too_many": ("", no_room, Close.TOO_MANY),
    "unavailable": ("", no_memory, Close.UNAVAILABLE),
    "denied": ("client=mallory", ban, Close.DENIED),
}


def test_every_error_is_tested() -> None:
    """Every error of the protocol has a case here."""
    codes = {one["const"] for one in SCHEMA["$defs"]["errorCode"]["anyOf"] if "const" in one}
    assert codes == FAILING.keys() | REFUSED.keys()


@pytest.mark.parametrize("code", FAILING)
async def test_wrong_frame_is_refused(code: str, node: Node) -> None:
    """The code says what is wrong; the connection continues, unless the frame was too large."""
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
async def test_refused_connection_gets_the_reason(code: str, node: Node) -> None:
    """The error gives the reason, and the close code says whether to reconnect."""
    query, trouble, close = REFUSED[code]
    trouble(node)
    async with client(query) as one:
        error = await receive(one, "error")
        assert (error["code"], error["retryable"]) == (code, may_return(close))
        assert await close_code(one) == close


async def test_connection_above_the_limit_ends_no_other(node: Node) -> None:
    """With room for one connection the first is served, and the second refused."""
    node._admissions._limits = replace(LIMITS, connections=1)
    async with client(BLOCKS) as first:
        await receive(first, "welcome")
        async with client() as second:
            assert (await receive(second, "error"))["text"] == (
                "this server has 1 connections, its limit; try again later"
            )
            assert (await receive(second, "bye"))["retry_after"] == 5.0
        await generate(1)
        assert (await receive(first, "message"))["offset"] == 1
    async with client() as third:
        await receive(third, "welcome")


async def test_database_outage_is_not_a_final_refusal(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed that cannot be looked up is unavailable, not forbidden, so clients reconnect."""

    def fail() -> None:
        raise OSError("gone")

    monkeypatch.setattr(node.catalog, "read", fail)
    for query in ("feed=later", "after=users:0123456789ab:7"):
        async with client(query) as one:
            assert (await receive(one, "error"))["code"] == "unavailable"
            assert await close_code(one) == Close.UNAVAILABLE


UNTRUE: list[tuple[dict[str, Any], str]] = [
    ({"size": 2, "part": {"count": 2}}, "size is 2; blocks of this session hold 3"),
    ({"part": {"first": 4}}, "arrays: last is 3, but first is 4; last must not be lower"),
    ({"part": {"epoch": "f" * 12}}, "arrays: offset 3 is of epoch '{epoch}', not 'ffffffffffff'"),
    ({"part": {"epoch": ""}}, "arrays: offset 3 is of epoch '{epoch}', not ''"),
]


@pytest.mark.parametrize(("changes", "sentence"), UNTRUE, ids=range(len(UNTRUE)))
async def test_impossible_report_is_not_stored(changes: dict[str, Any], sentence: str) -> None:
    """The error names the block, the wrong value and the right one."""
    await generate(4)
    made = await epoch()
    async with client(BLOCKS) as one:
        await one.send_to(report(made, **changes))
        error = await receive(one, "error")
        assert (error["code"], error["block"]) == ("untrue", 1)
        assert error["text"] == "the report of block 1 cannot be true: " + sentence.format(
            epoch=made
        )
        await one.send_to(report(made))
        await receive(one, "ack")
    assert await BlockReport.objects.acount() == 1


@pytest.mark.parametrize(
    "part", [{"last": 9}, {"at": 1}, {"history": True}, {"last": 0, "history": True}]
)
async def test_block_of_a_lost_history_is_unverifiable(part: dict[str, Any]) -> None:
    """A range of another history is not judged: ahead, with another time, or marked as such."""
    await generate(4)
    async with client(BLOCKS) as one:
        await one.send_to(report("f" * 12, part=part))
        ack = await receive(one, "ack")
        assert ack["verdict"] == "unverifiable"
        assert ack["reason"].endswith(": history was rolled back")
    stored = await BlockReport.objects.aget()
    assert (stored.verdict, stored.reason, stored.ideal) == (ack["verdict"], ack["reason"], None)
    assert stored.rates == {}


async def test_feed_of_another_session_is_refused() -> None:
    """A report may only contain feeds that its session requested."""
    await generate(3)
    async with client("block_size=3") as one:
        await one.send_to(report(await epoch()))
        assert (await receive(one, "error"))["text"] == (
            "the report of block 1 cannot be true: arrays is not a feed of this session; "
            "it asked for users"
        )


async def test_report_ahead_of_the_catalog_is_accepted(node: Node) -> None:
    """A report ahead of a stale catalog is judged by the database."""
    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        known = node.catalog.feeds
        await generate(3)
        node.catalog.feeds = known
        node.hub.restart("arrays", 0)
        await one.send_to(report(await epoch()))
        await receive(one, "ack")


async def test_report_ahead_waits_for_the_database(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is unavailable, such a report is neither stored nor refused for good."""

    def fail() -> None:
        raise OSError("gone")

    async with client(BLOCKS) as one:
        await receive(one, "welcome")
        monkeypatch.setattr(node.catalog, "read", fail)
        await one.send_to(report())
        error = await receive(one, "error")
        assert (error["code"], error["block"], error["retryable"]) == ("busy", 1, True)


async def test_query_must_be_utf_8() -> None:
    """A query that is not UTF-8 is refused with a sentence."""
    one = WebsocketCommunicator(application, "/", subprotocols=[SUBPROTOCOL])
    one.scope["query_string"] = b"client=\xff"
    await one.connect(timeout=PATIENCE_SECONDS)
    assert (await receive(one, "error"))["text"] == (
        "the query string cannot be read: it is not UTF-8"
    )
    await one.disconnect()
