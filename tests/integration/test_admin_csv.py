"""The CSV of the list of block reports: all filtered rows, and no formula."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.urls import reverse

from tests.support.admin import NOW, connect, report

pytestmark = pytest.mark.django_db
CSV = "admin:feeds_blockreport_csv"


def rows(user: User, **query: str) -> list[dict[str, Any]]:
    """Return the rows of the file, read as a browser reads it."""

    @async_to_sync
    async def ask() -> str:
        browser = AsyncClient()
        await browser.aforce_login(user)
        response: Any = await browser.get(reverse(CSV), query)
        assert response.status_code == 200
        assert response.streaming
        content = b"".join([part async for part in response.streaming_content])
        assert content.startswith(codecs.BOM_UTF8), "without a BOM, Excel shows M\u00c3\u00bcller"
        return content.decode("utf-8-sig")

    return list(csv.DictReader(io.StringIO(ask())))


def test_csv_has_the_filtered_reports(admin_user: User) -> None:
    """The filters of the list also apply to the file; without them it has every report."""
    alice = connect("alice", block_size=3)
    bob = connect("bob", feeds="arrays", block_size=5)
    report(alice, 1, verdict="verified")
    report(alice, 2, verdict="broken")
    report(bob, 1, verdict="verified", received_at=NOW.replace(year=2025))
    assert len(rows(admin_user)) == 3
    for query, expected in (
        ({"client": "alice"}, {("alice", "1"), ("alice", "2")}),
        ({"verdict__exact": "broken"}, {("alice", "2")}),
        ({"feed": "arrays"}, {("bob", "1")}),
        ({"block_size": "5"}, {("bob", "1")}),
        ({"received_at_from": "2026-01-01", "client": "bob"}, set()),
    ):
        assert {(row["client"], row["number"]) for row in rows(admin_user, **query)} == expected


def test_csv_has_the_reason_of_a_verdict(admin_user: User) -> None:
    """The reason is in the column after the verdict; a verified block has none."""
    alice = connect("alice")
    report(alice, 1, verdict="verified")
    report(alice, 2, verdict="broken", reason="users: another digest, 1 missing")
    found = [(row["verdict"], row["reason"]) for row in rows(admin_user)]
    assert sorted(found) == [("broken", "users: another digest, 1 missing"), ("verified", "")]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_contains_no_formula(admin_user: User, start: str) -> None:
    """A cell that a spreadsheet would execute is text there; a number stays a number."""
    report(connect("alice"), 1, label=f"{start}1+1", clock_offset=-0.5)
    (row,) = rows(admin_user)
    assert row["label"] == f"'{start}1+1"
    assert row["clock_offset"] == "-0.5"


def test_list_links_the_csv_with_its_filters(admin_client: Client) -> None:
    """The link on the list requests the rows that the list shows."""
    path = reverse("admin:feeds_blockreport_changelist")
    page = admin_client.get(path, {"verdict__exact": "broken", "client": "alice"})
    assert f"{reverse(CSV)}?verdict__exact=broken&amp;client=alice" in page.content.decode()


def test_csv_needs_the_permission_to_view(client: Client) -> None:
    """A user without the permission to view gets no file."""
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(reverse(CSV)).status_code == 403


def test_wrong_filter_is_refused(admin_client: Client) -> None:
    """A filter that the list cannot read is refused; ignoring it would export everything."""
    response = admin_client.get(reverse(CSV), {"session__id": "x"})
    assert response.status_code == 400
