"""The gate of a server process, with Channels' communicator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.db import OperationalError
from pytest_django import Settings

from clientapp.wire import PLAIN_SUBPROTOCOL, SUBPROTOCOL
from clientapp.wire.closing import Close
from feeds.access import register
from feeds.access.gate import Gate
from feeds.access.known import Known
from feeds.models import AccessToken, Ban
from feeds.running.worker import Worker
from feeds.serving.node import get_node
from tests.support.session import client, close_code, receive
from tools.waiting import PATIENCE_SECONDS
from wsproject.asgi import application

pytestmark = pytest.mark.usefixtures("node_ends")


@pytest.fixture
def needs_token(settings: Settings) -> None:
    """Admit only clients with a token."""
    settings.ACCESS = "token"


async def issue(**facts: Any) -> tuple[AccessToken, str]:
    """Store a token; return its row and its text."""
    issued: tuple[AccessToken, str] = await database_sync_to_async(register.issue)(
        label="a test", **facts
    )
    return issued


async def test_open_server_ignores_tokens() -> None:
    """Without ACCESS=token, every client is admitted, whatever it sends as a token."""
    for query in ("", "token=nonsense"):
        async with client(query) as one:
            await receive(one, "welcome")


@pytest.mark.usefixtures("needs_token")
async def test_client_without_a_token_is_refused() -> None:
    """A client without a token gets an error, a bye and the code, and costs no query."""
    node = await get_node()
    node._admissions = None  # type: ignore[assignment]  # nothing further may be asked
    async with client() as one:
        error = await receive(one, "error")
        assert (error["code"], error["retryable"]) == ("denied", False)
        assert await close_code(one) == Close.DENIED


@pytest.mark.usefixtures("needs_token")
async def test_revoked_client_is_told_and_ended() -> None:
    """A connected client gets the reason, and code 4502; its session counts as disconnected."""
    row, token = await issue()
    async with client(f"token={token}") as one:
        await receive(one, "welcome")
        assert await database_sync_to_async(register.revoke)([row.key]) == 1
        assert (await receive(one, "bye"))["reason"] == "the token was revoked"
    assert await database_sync_to_async(register.revoke)([row.key]) == 0


async def test_ban_ends_connections_and_its_removal_lets_in_again() -> None:
    """A ban by name applies to connected and to new clients, until it is removed."""
    async with client("client=mallory") as one, client("client=alice") as other:
        await receive(one, "welcome")
        await receive(other, "welcome")
        ban = await Ban.objects.acreate(client="mallory")
        assert (await receive(one, "bye"))["reason"] == "client 'mallory' is banned here"
        await other.send_to(text_data='{"type":"ping","t0":1}')
        await receive(other, "pong")
    async with client("client=mallory") as one:
        assert await close_code(one) == Close.DENIED
    await ban.adelete()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with client("client=mallory") as one:
                frame = json.loads(await one.receive_from(timeout=PATIENCE_SECONDS))
                if frame["type"] == "welcome":
                    break
            await asyncio.sleep(0.05)


async def test_plain_subprotocol_is_selected() -> None:
    """A browser that offers a token and the plain subprotocol is served as a plain client."""
    offered = [PLAIN_SUBPROTOCOL, "bft_a.b"]
    one = WebsocketCommunicator(application, "/", subprotocols=offered)
    assert await one.connect(timeout=PATIENCE_SECONDS) == (True, PLAIN_SUBPROTOCOL)
    await one.disconnect()


@pytest.mark.usefixtures("needs_token")
@pytest.mark.parametrize("offers", [[SUBPROTOCOL], []])
async def test_bearer_waits_until_the_database_has_answered_once(
    monkeypatch: pytest.MonkeyPatch, offers: list[str]
) -> None:
    """Until the server has read the revoked tokens, it asks clients to retry."""
    _, token = await issue()
    look = register.look

    def fail(_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(register, "look", fail)
    async with client(f"token={token}", offers=offers) as one:
        while (event := await one.receive_output(PATIENCE_SECONDS))["type"] != "websocket.close":
            pass
        assert event["code"] == Close.UNAVAILABLE
    monkeypatch.setattr(register, "look", look)
    gate: Gate = (await get_node()).entrance._gate
    await gate.follow()
    async with client(f"token={token}") as one:
        await receive(one, "welcome")
    monkeypatch.setattr(register, "look", fail)
    await gate.follow()
    async with client(f"token={token}") as one:
        await receive(one, "welcome")  # the last list stays in use


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count the rows that are read."""
    made: list[object] = []

    def count(**facts: Any) -> Known:
        made.append(facts)
        return Known(**facts)

    monkeypatch.setattr(register, "Known", count)
    return made


@pytest.mark.django_db(transaction=True)
async def test_rows_are_read_after_a_change_only(queries: list[object]) -> None:
    """While the database is unchanged, only counts are read; each kind of change is noticed."""
    worker = Worker("test")
    gate = Gate(worker, needs_token=True)
    row, _ = await issue()

    async def removed() -> None:
        await Ban.objects.all().adelete()

    changes: list[Callable[[], Any]] = [
        lambda: Ban.objects.acreate(address="192.0.2.0/24"),
        lambda: Ban.objects.acreate(client="mallory"),
        lambda: database_sync_to_async(register.revoke)([row.key]),
        removed,
    ]
    for number, change in enumerate([None, *changes], 1):
        if change is not None:
            await change()
        await gate.follow()
        await gate.follow()
        assert len(queries) == number
    await worker.stop()
