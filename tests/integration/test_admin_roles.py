"""The predefined groups of accounts, and their permissions."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from feeds.models import Feed
from tests.support.admin import connect, report

roles = import_module("feeds.migrations.0009_roles")
LISTS = ("feed", "clientsession", "blockreport", "clientmessage")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def groups() -> None:
    """Create the groups, which a test with transactions may have removed."""
    roles.make_roles(apps, connection.schema_editor())


def member(client: Client, group: str) -> Client:
    """Sign in a staff user who is only in *group*."""
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    return client


@pytest.mark.parametrize(("group", "may_act"), [("viewer", False), ("operator", True)])
def test_role_has_exactly_its_permissions(client: Client, group: str, *, may_act: bool) -> None:
    """Both roles view all facts; only an operator changes feeds and acts on sessions."""
    feed = Feed.objects.create(name="numbers", kind="arrays")
    session = connect("alice")
    stored = report(session, 1)
    browser = member(client, group)
    for model in LISTS:
        assert browser.get(reverse(f"admin:feeds_{model}_changelist")).status_code == 200
    page = browser.get(reverse("admin:feeds_feed_change", args=(feed.pk,))).content.decode()
    assert ('name="_save"' in page) is may_act
    for operation in ("disconnect", "notice", "forget"):
        address = f"{reverse(f'admin:feeds_clientsession_{operation}')}?id={session.pk}"
        assert browser.get(address).status_code == (200 if may_act else 403)
    for address in (
        reverse("admin:feeds_feed_add"),
        reverse("admin:feeds_feed_delete", args=(feed.pk,)),
        reverse("admin:feeds_blockreport_delete", args=(stored.pk,)),
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_group_changelist"),
    ):
        assert browser.get(address).status_code == 403


def test_changed_group_is_kept() -> None:
    """The migration does not change an existing group of the same name."""
    Group.objects.get(name="viewer").permissions.clear()
    roles.make_roles(apps, connection.schema_editor())
    assert not Group.objects.get(name="viewer").permissions.exists()
