"""The migration that hashes session keys."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from feeds.core.keys import stored_key
from feeds.models import ClientSession
from tests.support.admin import connect

MIGRATION = import_module("feeds.migrations.0013_hashed_keys")
KEY = "first-session-key"

pytestmark = pytest.mark.django_db(transaction=True)


class Editor:
    """The part of Django's schema editor that the migration uses."""

    connection = connection


def hash_keys() -> list[str]:
    """Apply the migration; return the keys of all sessions, the oldest first."""
    MIGRATION.hash_keys(apps, Editor)
    return list(ClientSession.objects.order_by("pk").values_list("key", flat=True))


def test_keys_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key is replaced by its stored form, in several batches; a second run changes nothing."""
    monkeypatch.setattr(MIGRATION, "BATCH", 2)
    keys = [connect(name).key for name in ("alice", "bob", "carol", "dave", "erin")]
    assert hash_keys() == hash_keys() == [stored_key(key) for key in keys]


def test_newer_session_gets_a_key_used_twice() -> None:
    """If a client began a new session while the migration was undone, it resumes the new one."""
    older = connect("alice")
    key = older.key
    hash_keys()
    older.refresh_from_db()
    ClientSession.objects.filter(pk=connect("bob").pk).update(key=key)
    dead, current = hash_keys()
    assert current == stored_key(key)
    assert dead == f"{key[:8]}.{older.pk}"
