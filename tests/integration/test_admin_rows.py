"""The live cells of the list of sessions: correct, bounded, and protected."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from feeds.admin.rows import ago, cells, with_lag
from feeds.models import ClientSession, Connection
from tests.support.admin import NOW, connect

pytestmark = pytest.mark.django_db
ROWS = "admin:feeds_clientsession_rows"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s ago"),
        (3.2, "3 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86400 * 1000, "1,000 d ago"),
    ],
)
def test_age_is_shown_in_its_largest_unit(seconds: float, text: str) -> None:
    """A time in the future, by another clock, counts as now."""
    assert ago(seconds) == text


def test_cells_show_the_stored_values() -> None:
    """Status, last seen, lag, reconnects and verdicts are those of the session."""
    session = connect("alice")
    Connection.objects.create(session=session, behind=1234, opened_at=NOW, seen_at=NOW)
    ClientSession.objects.update(connects=3, verified=1200, broken=2)
    row = with_lag(ClientSession.objects.all()).get()
    assert cells(row, NOW + timedelta(seconds=3)) == {
        "state": "online",
        "seen": "now",
        "behind": "1,234",
        "reconnects": "2",
        "found": "1,200 verified, 2 broken",
    }


def test_away_client_was_last_seen_when_it_went(admin_client: Client) -> None:
    """Only an online client counts as seen now, however old its last report is."""
    ClientSession.objects.filter(pk=connect("alice").pk).update(status="away")
    row = with_lag(ClientSession.objects.all()).get()
    assert cells(row, NOW + timedelta(seconds=3))["seen"] == "3 s ago"
    for status, shown in (("away", "2026-11-21 09:30:15"), ("online", "now")):
        ClientSession.objects.update(status=status)
        page = admin_client.get(reverse("admin:feeds_clientsession_change", args=(row.pk,)))
        field = page.content.decode().partition("Last seen</label>")[2]
        assert re.findall(r"readonly[^>]*>([^<]*)<", field)[0] == shown


def test_requested_rows_cost_one_query(admin_client: Client) -> None:
    """An update costs one query, however many sessions are requested."""
    sessions = [connect(f"client {number}") for number in range(60)]
    asked = {"id": [one.pk for one in sessions] + ["x", "9" * 400, "-1"]}
    with CaptureQueriesContext(connection) as captured:
        answer = admin_client.get(reverse(ROWS), asked)
    assert len(answer.json()) == 50
    table = ClientSession._meta.db_table
    assert sum(f'FROM "{table}"' in one["sql"] for one in captured.captured_queries) == 1
    answer = admin_client.get(reverse(ROWS), {"id": sessions[0].pk})
    assert list(answer.json()) == [str(sessions[0].pk)]


def test_rows_need_the_permission_to_view(client: Client) -> None:
    """A user without the permission to view gets nothing."""
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse(ROWS), {"id": connect("alice").pk}).status_code == 403
