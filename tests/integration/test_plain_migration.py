"""The migration that turns sentences from an older version into plain reports."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from feeds.models import BlockReport, ClientSession
from tests.support.admin import connect, report

MIGRATION = import_module("feeds.migrations.0007_plain_reports")


@pytest.mark.django_db
def test_old_sentences_are_marked() -> None:
    """Old sentences keep the numbers that clients gave them; later numbers continue from them."""
    alice, bob = connect("alice"), connect("bob")
    report(alice, 1)
    report(alice, 4, size=None, ranges={})
    report(alice, 7, size=None, ranges={})
    report(bob, 2)
    MIGRATION.mark_plain(apps, None)
    rows = BlockReport.objects.order_by("pk").values_list("plain", "number", "number_said")
    assert list(rows) == [(False, 1, None), (True, 4, 4), (True, 7, 7), (False, 2, None)]
    found = ClientSession.objects.order_by("pk").values_list("client", "sentences")
    assert list(found) == [("alice", 7), ("bob", 0)]
