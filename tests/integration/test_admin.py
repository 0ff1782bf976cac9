"""The admin: its pages, its permissions and its refusals."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from clientapp.wire import names
from feeds.admin.read_only import NEWEST
from feeds.models import ClientMessage, ClientSession, Connection, Feed
from tests.support.admin import NOW, connect, listed, report, shown

FACTS = ("clientsession", "blockreport", "clientmessage")


pytestmark = pytest.mark.django_db


@pytest.fixture
def feed() -> Feed:
    """Return a feed that was never generated."""
    return Feed.objects.create(name="numbers", kind="arrays")


@pytest.fixture
def viewer(client: Client) -> Client:
    """Return the browser of a user who may only view."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


def test_every_list_and_page_opens(admin_client: Client, feed: Feed) -> None:
    """Each page of the admin opens with rows in it."""
    session = connect("alice")
    Connection.objects.create(session=session, peer="127.0.0.1:5", opened_at=NOW, seen_at=NOW)
    message = ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
    for row in (feed, session, report(session, 1), message):
        assert row in listed(admin_client, str(type(row)._meta.model_name))
        shown(admin_client, row)
    for name in ("index", "auth_user_changelist", "auth_group_changelist", "feeds_feed_add"):
        assert admin_client.get(reverse(f"admin:{name}")).status_code == 200


@pytest.mark.parametrize("model", ["feed", "clientsession"])
def test_list_explains_its_actions(admin_client: Client, viewer: Client, model: str) -> None:
    """Actions appear only once a row is ticked, so the list explains them, except to viewers."""
    Feed.objects.create(name="numbers", kind="arrays")
    connect("alice")
    hint = site.get_model_admin(apps.get_model("feeds", model)).hint  # type: ignore[attr-defined]  # ours
    address = reverse(f"admin:feeds_{model}_changelist")
    assert escape(hint) in admin_client.get(address).content.decode()
    assert escape(hint) not in viewer.get(address).content.decode()


@pytest.mark.parametrize("model", FACTS)
def test_facts_are_read_only(admin_client: Client, model: str) -> None:
    """Not even a superuser can add, change or delete a fact."""
    session = connect("alice")
    message = ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
    rows = {"clientsession": session, "blockreport": report(session, 1), "clientmessage": message}
    row = rows[model]
    change = reverse(f"admin:feeds_{model}_change", args=(row.pk,))
    refused = (
        reverse(f"admin:feeds_{model}_add"),
        change,
        reverse(f"admin:feeds_{model}_delete", args=(row.pk,)),
    )
    assert [admin_client.post(path, {"post": "yes"}).status_code for path in refused] == [403] * 3
    assert 'name="_save"' not in admin_client.get(change).content.decode()
    row.refresh_from_db()


def test_viewer_sees_every_page_and_changes_nothing(viewer: Client, feed: Feed) -> None:
    """A user who may only view sees every page and changes nothing."""
    session = connect("alice")
    for row in (feed, session, report(session, 1)):
        assert row in listed(viewer, str(type(row)._meta.model_name))
        shown(viewer, row)
    assert viewer.post(reverse("admin:feeds_feed_change", args=(feed.pk,))).status_code == 403
    links = viewer.get(reverse("admin:index")).content.decode()
    assert reverse("admin:feeds_blockreport_changelist") in links


def test_navigation_links_only_viewable_pages(client: Client) -> None:
    """A page that the user may not view is not linked."""
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_blockreport"))
    client.force_login(user)
    index = client.get(reverse("admin:index")).content.decode()
    assert reverse("admin:feeds_blockreport_changelist") in index
    assert reverse("admin:feeds_feed_changelist") not in index
    assert reverse("admin:auth_user_changelist") not in index


def test_only_the_prefix_of_a_key_is_shown(admin_client: Client) -> None:
    """No page shows more of a key than its prefix, and no list can be queried for more."""
    session = connect("alice")
    message = ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
    for row in (session, report(session, 1), message):
        model = type(row)._meta.model_name
        page = shown(admin_client, row)
        page += admin_client.get(reverse(f"admin:feeds_{model}_changelist")).content.decode()
        assert names.key_prefix(session.key) in page
        assert session.key[:9] not in page
        path = "key" if row is session else "session__key"
        for lookup in (path, f"{path}__startswith"):
            asked = admin_client.get(
                reverse(f"admin:feeds_{model}_changelist"), {lookup: session.key}
            )
            assert asked.status_code == 400


def test_texts_of_clients_are_escaped(admin_client: Client) -> None:
    """A client's text is shown on one line and without control characters."""
    session = connect("alice")
    text = "<script>\x1b[31m\nsecond line"
    message = ClientMessage.objects.create(session=session, text=text, received_at=NOW)
    rows = (message, report(session, 1, text=text), session)
    for row in rows:
        page = shown(admin_client, row)
        assert "&lt;script&gt;\\x1b[31m\\nsecond line" in page or row is session
        assert "\x1b" not in page
    for model in ("blockreport", "clientmessage"):
        page = admin_client.get(reverse(f"admin:feeds_{model}_changelist")).content.decode()
        assert "&lt;script&gt;\\x1b[31m\\nsecond line" in page


def test_session_shows_its_newest_rows(admin_client: Client) -> None:
    """The page of a session shows its newest blocks and connections."""
    session = connect("alice")
    for number in range(1, NEWEST + 6):
        report(session, number)
        Connection.objects.create(
            session=session, peer=f"127.0.0.1:{number:04d}", opened_at=NOW, seen_at=NOW
        )
    page = shown(admin_client, session)
    assert f"received {NEWEST + 5} block" in page
    assert "(&#x27;" not in page  # a verdict is one word
    assert "received 6 block" in page
    assert "received 5 block" not in page
    assert f"127.0.0.1:{NEWEST + 5:04d}" in page
    assert "127.0.0.1:0005" not in page


def test_registered_models_are_the_intended_ones() -> None:
    """Feeds can be edited, facts can be read, and no other model of ours is registered."""
    ours = {model.__name__ for model in site._registry if model._meta.app_label == "feeds"}
    assert ours == {"Feed", "ClientSession", "BlockReport", "ClientMessage"}


def test_verdict_is_shown_with_its_cause(admin_client: Client) -> None:
    """A report shows its verdict, and for a broken block the cause and the difference."""
    session = connect("alice")
    broken = report(
        session,
        1,
        verdict="broken",
        reason="users: 42 missing",
        difference={"users": {"missing": [[42, 42], [50, 57]]}},
    )
    page = shown(admin_client, broken)
    for text in (
        "broken: the client did not receive what was sent",
        "users: 42 missing",
        "42, 50 to 57",
    ):
        assert text in page
    whole = report(session, 2, verdict="verified")
    assert "42, 50" not in shown(admin_client, whole)
    assert listed(admin_client, "blockreport", verdict__exact="broken") == [broken]
    assert listed(admin_client, "blockreport", verdict__exact="verified") == [whole]


def test_broken_blocks_of_a_session_are_red_and_lead_to_them(admin_client: Client) -> None:
    """The page of a session links its broken blocks; one without any shows a plain zero."""
    session = connect("alice")
    ClientSession.objects.update(broken=1)
    broken = report(session, 1, verdict="broken")
    report(session, 2, verdict="verified")
    page = shown(admin_client, session)
    link = f"/admin/feeds/blockreport/?q={session.key[:8]}&amp;verdict__exact=broken"
    assert f'href="{link}"' in page
    assert "1: look at them" in page
    assert page.count('class="judged" data-state="broken"') == 2
    asked = {"q": session.key[:8], "verdict__exact": "broken"}
    assert listed(admin_client, "blockreport", **asked) == [broken]
    ClientSession.objects.update(broken=0)
    assert "look at them" not in shown(admin_client, session)


def test_list_of_sessions_shows_the_lag(admin_client: Client) -> None:
    """The list of sessions shows the lag of each connected session."""
    for name, behind, closed_at in (("alice", 812_345, None), ("bob", 7, NOW)):
        Connection.objects.create(
            session=connect(name), behind=behind, opened_at=NOW, seen_at=NOW, closed_at=closed_at
        )
    rows = listed(admin_client, "clientsession")
    assert {row.client: row.lag for row in rows} == {"alice": 812_345, "bob": None}
    page = admin_client.get(reverse("admin:feeds_clientsession_changelist")).content.decode()
    assert "812,345" in page


@pytest.mark.django_db
def test_signing_in_leads_to_the_dashboard(client: Client) -> None:
    """A user who opens the sign-in page directly arrives at the admin's first page."""
    User.objects.create_superuser("ada", password="a password")
    answer = client.post("/admin/login/", {"username": "ada", "password": "a password"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
