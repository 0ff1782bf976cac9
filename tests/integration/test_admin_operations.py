"""Operations on sessions: permissions, effects and safeguards."""

from __future__ import annotations

import asyncio
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
    """Return the messages that the admin shows on its next page."""
    return [str(one) for one in get_messages(response.wsgi_request)]


def operator(*codenames: str) -> User:
    """Return a staff user with exactly these permissions."""
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
async def admin(node_ends: None) -> AsyncClient:
    """Return the browser of a superuser, on the event loop of the consumers."""
    browser = AsyncClient()
    user = await database_sync_to_async(User.objects.create_superuser)("admin")
    await database_sync_to_async(browser.force_login)(user)
    return browser


async def online() -> ClientSession:
    """Return the session once its connection is stored."""
    while not await Connection.objects.filter(closed_at=None).aexists():
        await asyncio.sleep(0.02)
    return await ClientSession.objects.aget()


async def test_disconnect_tells_the_reason_and_closes(admin: AsyncClient) -> None:
    """A disconnected client gets the reason, and a close code that forbids reconnecting."""
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


async def test_notice_reaches_the_chosen_client_only(admin: AsyncClient) -> None:
    """A notice reaches the chosen client and no other."""
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
def test_notice_is_one_line_of_bounded_length(admin_client: Client, text: str, part: str) -> None:
    """An invalid notice is refused with a sentence, and not sent."""
    session = there("alice")
    response = admin_client.post(address("notice", session), {"text": text})
    assert response.status_code == 200
    assert part in response.context["form"].errors["text"][0]
    assert not LogEntry.objects.exists()


def there(name: str, status: str = Status.ONLINE, *, connection: bool = True) -> ClientSession:
    """Store a session and, by default, its open connection."""
    session = connect(name)
    ClientSession.objects.filter(pk=session.pk).update(status=status)
    if connection:
        Connection.objects.create(session=session, channel=name, opened_at=NOW, seen_at=NOW)
    session.refresh_from_db()
    return session


@pytest.mark.django_db
def test_forget_removes_sessions_that_left(admin_client: Client) -> None:
    """A session that left is removed with its reports; one that is online stays."""
    left, stays = there("alice", Status.LEFT, connection=False), there("bob")
    for session in (left, stays):
        report(session, 1)
        ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
    page = admin_client.get(address("forget", left, stays))
    assert (page.context["reached"], page.context["left_out"]) == ([left], [stays])
    assert BlockReport.objects.count() == 2  # nothing happens before the confirmation
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
def test_operation_on_an_offline_session_does_nothing(
    admin_client: Client, name: str, data: dict[str, str], sentence: str
) -> None:
    """If no chosen session is connected, one sentence says so."""
    session = there("alice", Status.AWAY, connection=False)
    page = admin_client.get(address(name, session))
    assert sentence in page.content.decode()
    assert said(admin_client.post(address(name, session), data)) == [sentence]


@pytest.mark.django_db
def test_online_session_cannot_be_forgotten(admin_client: Client) -> None:
    """A session that is online must be disconnected first."""
    session = there("alice")
    response = admin_client.post(address("forget", session))
    assert said(response) == [
        "Nothing was removed: these sessions are still online. Disconnect them first."
    ]
    session.refresh_from_db()


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "data"), [("disconnect", {}), ("notice", {"text": "Hi"})])
def test_unreachable_layer_is_reported(
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
def test_viewer_is_offered_no_operation(client: Client) -> None:
    """A user who may only view sees no operations, and requests for them are refused."""
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
def test_forgetting_needs_the_permission_to_delete(client: Client) -> None:
    """The permission to change covers disconnecting and notices, not forgetting."""
    client.force_login(operator("view_clientsession", "change_clientsession"))
    session = there("alice")
    page = shown(client, session)
    assert ("Disconnect" in page, "Send a notice" in page, "Forget" in page) == (True, True, False)
    assert client.get(address("notice", session)).status_code == 200
    assert client.post(address("forget", session)).status_code == 403


@pytest.mark.django_db
def test_actions_return_to_the_filtered_list(admin_client: Client) -> None:
    """An action leads to the page of its operation, and back to the list as filtered."""
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
def test_operation_is_bounded_to_visible_sessions(admin_client: Client) -> None:
    """No operation applies to more sessions than one page of the list shows."""
    sessions = [there(f"client {number}") for number in range(MOST_SESSIONS + 1)]
    chosen = {"action": "disconnect", "_selected_action": [one.pk for one in sessions]}
    response = admin_client.post(reverse(LIST), {**chosen, "select_across": "1"})
    assert said(response) == [f"Select at most {MOST_SESSIONS} sessions; nothing was done."]
    page = admin_client.get(address("disconnect", *sessions))
    assert len(page.context["reached"]) == MOST_SESSIONS


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["id=x", "id=" + "9" * 400, "id=-1", "id=%C2%B2", ""])
def test_invalid_ids_name_no_session(admin_client: Client, query: str) -> None:
    """With invalid ids in the address, the page opens with no session."""
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
def test_session_offers_applicable_operations(
    admin_client: Client, status: str, offered: list[str], *, connection: bool
) -> None:
    """A connected session can be disconnected and notified; an offline one can be forgotten."""
    page = shown(admin_client, there("alice", status, connection=connection))
    paths = {"disconnect": "disconnect_one", "notice": "notify_one", "forget": "forget_one"}
    found = [name for name, path in paths.items() if path.replace("_", "-") in page or path in page]
    assert found == offered
