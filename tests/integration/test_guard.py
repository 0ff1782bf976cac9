"""The guard of the pages outside the admin."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from feeds.access import register, tokens
from feeds.access.denial import NoToken
from feeds.models import Ban
from feeds.pages.guard import PAGE_SECONDS, page_token

pytestmark = pytest.mark.django_db

RECORDS = ["/feeds/", "/feeds/users/schema.json", "/asyncapi.json"]


@pytest.fixture
def needs_token(settings: Settings) -> None:
    """Require tokens, and a login for pages."""
    settings.ACCESS, settings.PAGE_LOGIN = "token", True


def test_open_server_shows_everything(client: Client) -> None:
    """Without settings, neither a token nor a login is needed."""
    assert [client.get(path).status_code for path in ["/", "/status.json", *RECORDS]] == [200] * 5


@pytest.mark.usefixtures("needs_token")
def test_signed_in_person_sees_everything(client: Client) -> None:
    """A member of the staff needs no token; any other account does."""
    client.force_login(User.objects.create_user("ada"))
    assert client.get("/status.json").status_code == 403
    assert client.get("/feeds/").status_code == 401
    client.force_login(User.objects.create_user("bea", is_staff=True))
    assert [client.get(path).status_code for path in ["/", "/status.json", *RECORDS]] == [200] * 5


def test_page_can_require_a_login_without_tokens(client: Client, settings: Settings) -> None:
    """PAGE_LOGIN closes the page and the status; records stay open."""
    settings.PAGE_LOGIN = True
    assert client.get("/?watch=users").headers["Location"] == "/admin/login/?next=/%3Fwatch%3Dusers"
    assert client.get("/feeds/").status_code == 200
    assert page_token() == ""


@pytest.mark.usefixtures("needs_token")
def test_revoked_token_opens_no_records(client: Client) -> None:
    """A token is checked against the database for each request."""
    row, token = register.issue(label="a test", client="alice")
    header = {"authorization": f"Bearer {token}"}
    assert client.get("/feeds/", headers=header).status_code == 200
    Ban.objects.create(client="alice")
    assert client.get("/feeds/", headers=header).status_code == 403
    register.revoke([row.key])
    assert client.get("/feeds/", headers=header).json() == {"error": "the token was revoked"}


def test_banned_address_gets_no_records(client: Client) -> None:
    """A banned address is told why it gets no records; the page stays open."""
    Ban.objects.create(address="127.0.0.0/8")
    refused = client.get("/feeds/")
    assert refused.status_code == 403
    assert refused.json() == {"error": "the address 127.0.0.1 is banned here"}
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("needs_token")
def test_token_of_the_page_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of the page's client is valid for an hour."""
    grant = tokens.read(page_token())
    grant.ensure_current(time.time() + PAGE_SECONDS - 5)
    with pytest.raises(NoToken):
        grant.ensure_current(time.time() + PAGE_SECONDS)


def test_unavailable_database_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database the guard cannot check anything, and answers 503."""

    def fail(_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(register, "look", fail)
    answer = client.get("/feeds/")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.json()["error"]
