"""What an operator does to sessions: who may, what comes of it, and what keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import AsyncClient, Client
from django.urls import reverse
from pytest_django import Settings

from feeds.admin.forms import MAX_NOTICE
from feeds.admin.operations import MOST_SESSIONS
from feeds.models import BlockReport, ClientMessage, ClientSession, Connection
from feeds.serving.node import stop_node
from tests.support.admin import NOW, connect, report, shown
from tests.support.session import client as connected
from tests.support.session import close_code, receive
from tools.waiting import PATIENCE_SECONDS

LIST = "admin:feeds_clientsession_changelist"
Status = ClientSession.Status


def address(name: str, *sessions: ClientSession, **more: str) -> str:
    """Return the page of an operation on *sessions*."""
    asked = "&".join(
        [*(f"id={one.pk}" for one in sessions), *(f"{k}={v}" for k, v in more.items())]
    )
    return f"{reverse(f'admin:feeds_clientsession_{name}')}?{asked}"


def said(response: Any) -> list[str]:
    """Return what the admin says on its next page."""
    return [str(one) for one in get_messages(response.wsgi_request)]


def operator(*codenames: str) -> User:
    """Return somebody with those permissions and no other."""
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def in_memory_layer(settings: Settings) -> None:
    """Let the test have a layer of its own."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture
async def node_ends(default_feeds: None, in_memory_layer: None) -> AsyncIterator[None]:
    """Stop the node of the test's event loop."""
    yield
    await stop_node()


@pytest.fixture
async def admin(node_ends: None) -> AsyncClient:
    """Return the browser of a superuser, on the event loop of the consumers."""
    browser = AsyncClient()
    user = await database_sync_to_async(User.objects.create_superuser)("admin")
    await database_sync_to_async(browser.force_login)(user)
    return browser


async def online() -> ClientSession:
    """Return the session that is there once its connection is stored."""
    while not await Connection.objects.filter(closed_at=None).aexists():
        await asyncio.sleep(0.02)
    return await ClientSession.objects.aget()


async def test_disconnect_says_why_and_closes(admin: AsyncClient) -> None:
    """A client that is disconnected hears why, and that it must not come back."""
    async with connected("client=alice") as one:
        await receive(one, "welcome")
        session = await online()
        response = await admin.post(address("disconnect", session))
        assert response.status_code == 302
        bye = await receive(one, "bye")
        assert (bye["code"], bye["reason"]) == (4503, "an operator disconnected this client")
        assert (await one.receive_output(timeout=PATIENCE_SECONDS))["code"] == 4503
    logged = await LogEntry.objects.aget()
    assert (logged.object_id, logged.change_message) == (str(session.pk), "Disconnected.")
    connection = await Connection.objects.aget()
    while connection.closed_at is None:
        await asyncio.sleep(0.02)
        await connection.arefresh_from_db()
    assert (connection.close_code, connection.reason) == (4503, bye["reason"])
    await session.arefresh_from_db()
    assert session.status == Status.DISCONNECTED


async def test_notice_reaches_the_chosen_client(admin: AsyncClient) -> None:
    """The text of a notice reaches whom it is for, and nobody else."""
    async with connected("client=alice") as one:
        await receive(one, "notice")
        session = await online()
        async with connected("client=bob") as other:
            await receive(other, "notice")
            response = await admin.post(address("notice", session), {"text": "Back at noon"})
            assert response.status_code == 302
            assert (await receive(one, "notice"))["text"] == "Back at noon"
            await other.send_to('{"type":"bye"}')
            assert await close_code(other) == 1000


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "required"),
        ("x" * (MAX_NOTICE + 1), str(MAX_NOTICE)),
        ("one\nand two", "one line"),
        ("\x1b[31m", "control characters"),
    ],
)
def test_a_notice_is_one_line_of_bounded_length(admin_client: Client, text: str, part: str) -> None:
    """Whatever is no notice is refused with a sentence, and not sent."""
    session = there("alice")
    response = admin_client.post(address("notice", session), {"text": text})
    assert response.status_code == 200
    assert part in response.context["form"].errors["text"][0]
    assert not LogEntry.objects.exists()


def there(name: str, status: str = Status.ONLINE, *, connection: bool = True) -> ClientSession:
    """Store a session and, unless told otherwise, its open connection."""
    session = connect(name)
    ClientSession.objects.filter(pk=session.pk).update(status=status)
    if connection:
        Connection.objects.create(session=session, channel=name, opened_at=NOW, seen_at=NOW)
    session.refresh_from_db()
    return session


@pytest.mark.django_db
def test_forget_removes_what_is_over(admin_client: Client) -> None:
    """A session that left goes with its reports; one that is online stays."""
    left, stays = there("alice", Status.LEFT, connection=False), there("bob")
    for session in (left, stays):
        report(session, 1)
        ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
    page = admin_client.get(address("forget", left, stays))
    assert (page.context["reached"], page.context["left_out"]) == ([left], [stays])
    assert BlockReport.objects.count() == 2  # nothing happens before it is confirmed
    response = admin_client.post(address("forget", left, stays))
    assert said(response) == [f"{left} was forgotten."]
    assert list(ClientSession.objects.all()) == [stays]
    assert [row.session for row in BlockReport.objects.all()] == [stays]
    assert [row.session for row in ClientMessage.objects.all()] == [stays]
    assert LogEntry.objects.get().change_message == "Forgotten."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("disconnect", {}, "Nothing was done: none of these sessions is connected."),
        ("notice", {"text": "Hi"}, "Nothing was sent: none of these sessions is connected."),
    ],
)
def test_a_session_that_is_away_is_not_reached(
    admin_client: Client, name: str, data: dict[str, str], sentence: str
) -> None:
    """Where nobody is connected, one sentence says so."""
    session = there("alice", Status.AWAY, connection=False)
    page = admin_client.get(address(name, session))
    assert sentence in page.content.decode()
    assert said(admin_client.post(address(name, session), data)) == [sentence]


@pytest.mark.django_db
def test_a_session_that_is_online_is_not_forgotten(admin_client: Client) -> None:
    """Who is online is disconnected first."""
    session = there("alice")
    response = admin_client.post(address("forget", session))
    assert said(response) == [
        "Nothing was removed: these sessions are still online. Disconnect them first."
    ]
    session.refresh_from_db()


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "data"), [("disconnect", {}), ("notice", {"text": "Hi"})])
def test_an_unreachable_layer_is_a_sentence(
    admin_client: Client, settings: Settings, name: str, data: dict[str, str]
) -> None:
    """Without the channel layer nothing is done, and the admin says so."""
    layer = {
        "BACKEND": "feeds.layer.channel_layer.FeedLayer",
        "CONFIG": {"url": "redis://127.0.0.1:1"},
    }
    settings.CHANNEL_LAYERS = {"default": layer}
    (sentence,) = said(admin_client.post(address(name, there("alice")), data))
    assert sentence.startswith("Nothing was done: the channel layer is unreachable")
    assert sentence.endswith("Try again in a moment.")
    assert not LogEntry.objects.exists()


@pytest.mark.django_db
def test_whoever_may_only_view_is_offered_nothing(client: Client) -> None:
    """A role that views sees no operation, and is refused each one."""
    client.force_login(operator("view_clientsession", "view_blockreport"))
    session = there("alice")
    page = shown(client, session) + client.get(reverse(LIST)).content.decode()
    for word in ("Disconnect", "Send a notice", "Forget", "_selected_action"):
        assert word not in page
    for name in ("disconnect", "notice", "forget"):
        assert client.get(address(name, session)).status_code == 403
        assert client.post(address(name, session), {"text": "Hi"}).status_code == 403
    session.refresh_from_db()


@pytest.mark.django_db
def test_forgetting_needs_more_than_changing(client: Client) -> None:
    """Who may change sessions disconnects and tells; removing is a permission of its own."""
    client.force_login(operator("view_clientsession", "change_clientsession"))
    session = there("alice")
    page = shown(client, session)
    assert ("Disconnect" in page, "Send a notice" in page, "Forget" in page) == (True, True, False)
    assert client.get(address("notice", session)).status_code == 200
    assert client.post(address("forget", session)).status_code == 403


@pytest.mark.django_db
def test_actions_lead_to_their_page_and_back(admin_client: Client) -> None:
    """The list leads to an operation on the chosen rows, and comes back filtered as it was."""
    sessions = [there(name) for name in ("alice", "bob")]
    chosen = {"action": "notify", "_selected_action": [one.pk for one in sessions]}
    response = admin_client.post(f"{reverse(LIST)}?status__exact=online", chosen)
    page = admin_client.get(response["Location"])
    assert set(page.context["reached"]) == set(sessions)
    assert page.context["back"] == f"{reverse(LIST)}?status__exact=online"
    detail = reverse("admin:feeds_clientsession_disconnect_one", args=(sessions[0].pk,))
    page = admin_client.get(admin_client.get(detail)["Location"])
    assert page.context["reached"] == [sessions[0]]
    assert page.context["back"] == reverse(
        "admin:feeds_clientsession_change", args=(sessions[0].pk,)
    )


@pytest.mark.django_db
def test_most_sessions(admin_client: Client) -> None:
    """No operation is for more sessions than somebody has seen."""
    sessions = [there(f"client {number}") for number in range(MOST_SESSIONS + 1)]
    chosen = {"action": "disconnect", "_selected_action": [one.pk for one in sessions]}
    response = admin_client.post(reverse(LIST), {**chosen, "select_across": "1"})
    assert said(response) == [f"Select at most {MOST_SESSIONS} sessions; nothing was done."]
    page = admin_client.get(address("disconnect", *sessions))
    assert len(page.context["reached"]) == MOST_SESSIONS


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["id=x", "id=" + "9" * 400, "id=-1", "id=%C2%B2", ""])
def test_an_address_that_names_no_session(admin_client: Client, query: str) -> None:
    """Whatever stands in the address, the page says that there is nobody."""
    page = admin_client.get(f"{reverse('admin:feeds_clientsession_disconnect')}?{query}")
    assert page.status_code == 200
    assert page.context["reached"] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "connection", "offered"),
    [
        (Status.ONLINE, True, ["disconnect", "notice"]),
        (Status.AWAY, False, ["forget"]),
        (Status.DISCONNECTED, False, ["forget"]),
    ],
)
def test_page_of_a_session_offers_what_applies(
    admin_client: Client, status: str, offered: list[str], *, connection: bool
) -> None:
    """Who is connected can be disconnected and told; who is gone can be forgotten."""
    page = shown(admin_client, there("alice", status, connection=connection))
    paths = {"disconnect": "disconnect_one", "notice": "notify_one", "forget": "forget_one"}
    found = [name for name, path in paths.items() if path.replace("_", "-") in page or path in page]
    assert found == offered
