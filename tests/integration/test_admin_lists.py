"""The lists of the admin: searches, filters, sorting and cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clientapp.wire import names
from feeds.admin.paginator import MOST_COUNTED, CappedPaginator
from feeds.admin.reports import BlockReportAdmin
from feeds.admin.sessions import ClientSessionAdmin
from feeds.models import BlockReport, ClientMessage, Connection, Feed
from tests.support.admin import NOW, connect, listed, report, shown

FACTS = ("clientsession", "blockreport", "clientmessage")


pytestmark = pytest.mark.django_db


def test_search_by_client_and_key_prefix(admin_client: Client) -> None:
    """A search finds the start of a name or key, and reveals no more of the key."""
    alice, bob = connect("alice"), connect("bob")
    mine = report(alice, 1)
    report(bob, 1)
    prefix = names.key_prefix(alice.key)
    for term in ("ALI", prefix, prefix + "-surely-not-the-rest"):
        assert listed(admin_client, "clientsession", q=term) == [alice]
        assert listed(admin_client, "blockreport", q=term) == [mine]
    assert listed(admin_client, "blockreport", q="lice") == []


@pytest.mark.parametrize(
    ("column", "clients"),
    [
        ("behind", ["carol", "bob", "alice", "dave"]),
        ("reconnects", ["dave", "alice", "bob", "carol"]),
    ],
)
def test_sessions_can_be_sorted(admin_client: Client, column: str, clients: list[str]) -> None:
    """The sessions with the largest lag, or the most reconnects, are first in the list."""
    sessions = {name: connect(name) for name in ("alice", "bob", "carol", "dave")}
    for connects, (name, behind) in enumerate([("carol", 1000), ("bob", 20), ("alice", 0)], 1):
        session = sessions[name]
        session.connects = connects
        session.save()
        Connection.objects.create(session=session, behind=behind, opened_at=NOW, seen_at=NOW)
    sessions["dave"].connects = 9  # and offline
    sessions["dave"].save()
    place = 1 + ClientSessionAdmin.list_display.index(column)
    found = listed(admin_client, "clientsession", o=f"-{place}")
    assert [session.client for session in found] == clients
    assert listed(admin_client, "clientsession", o=str(place)) == found[::-1]


def test_sessions_are_sorted_by_when_they_were_seen(admin_client: Client) -> None:
    """Online sessions are seen now, so they come before those that went away."""
    for name, status, age in (("alice", "away", 9), ("bob", "online", 50), ("carol", "left", 5)):
        session = connect(name)
        session.status, session.seen_at = status, NOW - timedelta(days=age)
        session.save()
    place = 1 + ClientSessionAdmin.list_display.index("seen")
    found = listed(admin_client, "clientsession", o=f"-{place}")
    assert [session.client for session in found] == ["bob", "carol", "alice"]


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        ("took", [2, 1, 3]),
        ("size", [1, 3, 2]),
        ("of_session", [1, 2, 3]),
        ("found", [3, 1, 2]),
    ],
)
def test_reports_can_be_sorted(admin_client: Client, column: str, numbers: list[int]) -> None:
    """Reports are sorted by seconds, size, client and verdict, in both directions."""
    report(connect("alice"), 1, seconds=4.0, size=3, verdict="unverifiable")
    report(connect("bob"), 2, seconds=3.0, size=9, verdict="verified")
    report(connect("carol"), 3, seconds=9.0, size=5, verdict="broken")
    place = BlockReportAdmin.list_display.index(column)
    found = listed(admin_client, "blockreport", o=str(place))
    assert [row.number for row in found] == numbers
    assert listed(admin_client, "blockreport", o=f"-{place}") == found[::-1]
    assert listed(admin_client, "blockreport", o="99")


def test_sorted_reports_are_bounded(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest reports are sorted, and the list says so; filters find older ones."""
    for name in ("paginator", "read_only"):
        monkeypatch.setattr(f"feeds.admin.{name}.MOST_COUNTED", 2)
    session = connect("alice")
    for number, seconds in ((1, 9.0), (2, 1.0), (3, 3.0), (4, 2.0)):
        at = NOW + timedelta(days=number)
        report(session, number, seconds=seconds, received_at=at)
    place = BlockReportAdmin.list_display.index("took")
    path = reverse("admin:feeds_blockreport_changelist")
    page = admin_client.get(path, {"o": f"-{place}"})
    assert [row.seconds for row in page.context["cl"].result_list][:2] == [3.0, 2.0]
    assert "the newest 2 block reports, sorted; filter to see the others" in " ".join(
        page.content.decode().split()
    )


def test_filters_offer_stored_values(admin_client: Client) -> None:
    """Clients, feeds, block sizes and labels are offered, including the current choice."""
    report(connect("alice"), 1, label="evening")
    report(connect("bob", feeds="arrays", block_size=12), 1)
    response = admin_client.get(reverse("admin:feeds_blockreport_changelist"), {"client": "carol"})
    offered = {
        spec.parameter_name: [value for value, _ in spec.lookup_choices]
        for spec in response.context["cl"].filter_specs
        if hasattr(spec, "offered")
    }
    assert offered == {
        "client": ["alice", "bob", "carol"],
        "feed": ["arrays", "users"],
        "block_size": ["3", "12"],
        "label": ["evening"],
    }


@pytest.mark.parametrize("few", [0, 200])
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"client": "alice"}, [1]),
        ({"client": "ali"}, []),
        ({"feed": "users"}, [2, 1]),
        ({"feed": "arrays"}, [3, 2]),
        ({"feed": "user"}, []),
        ({"block_size": "5"}, [3, 2]),
        ({"block_size": "99999999999999999999"}, []),
        ({"block_size": "five"}, []),
        ({"received_at_from": "2026-11-20", "received_at_to": "2026-11-20"}, [2]),
        ({"received_at_from": "2026-11-20"}, [2, 1]),
        ({"received_at_to": "2026-11-20"}, [3, 2]),
        ({"received_at_to": "no date"}, [3, 2, 1]),
        ({"feed": "arrays", "block_size": "5", "client": "bob"}, [2]),
        ({"label": "evening"}, [3]),
        ({"label": "even"}, []),
        ({"label": "evening", "client": "alice"}, []),
    ],
)
def test_reports_can_be_filtered(
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    query: dict[str, str],
    numbers: list[int],
) -> None:
    """Reports are found by client, feed, block size and day, for few and many sessions."""
    monkeypatch.setattr("feeds.admin.filters.FEW", few)
    report(connect("alice"), 1)
    last_moment = datetime(2026, 11, 20, 23, 59, 59, 999999, tzinfo=UTC)
    report(connect("bob", feeds="users arrays", block_size=5), 2, received_at=last_moment)
    report(
        connect("carol", feeds="arrays", block_size=5),
        3,
        received_at=NOW - timedelta(days=9),
        label="evening",
    )
    assert sorted(row.number for row in listed(admin_client, "blockreport", **query)) == sorted(
        numbers
    )


def test_sessions_can_be_filtered(admin_client: Client) -> None:
    """Sessions are found by their feeds, client and status."""
    alice, bob = connect("alice"), connect("bob", feeds="users arrays", block_size=5)
    assert listed(admin_client, "clientsession", feed="arrays") == [bob]
    assert listed(admin_client, "clientsession", client="alice") == [alice]
    assert listed(admin_client, "clientsession", status__exact="left") == []


def queries(browser: Client, model: str, **query: str) -> list[str]:
    """Return the queries of the list of *model*."""
    with CaptureQueriesContext(connection) as captured:
        listed(browser, model, **query)
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("model", FACTS)
def test_queries_do_not_grow_with_the_rows(admin_client: Client, model: str) -> None:
    """A list of forty rows costs as many queries as one row, with a bounded count."""

    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            session = connect(f"client-{number:03d}")
            report(session, 1)
            ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)

    fill(0, 1)
    few = queries(admin_client, model)
    fill(1, 40)
    many = queries(admin_client, model, _facets="True")
    assert len(many) == len(few) <= 7
    counts = [sql for sql in many if "COUNT(" in sql]
    assert len(counts) == 1
    assert f"LIMIT {MOST_COUNTED + 1}" in counts[0]


def test_list_of_feeds_is_cheap(admin_client: Client) -> None:
    """Feeds are few; the list makes at most one query for each."""
    few = queries(admin_client, "feed")
    for number in range(10):
        Feed.objects.create(name=f"feed-{number}", kind="arrays")
    assert len(queries(admin_client, "feed")) <= len(few) + 10


def test_count_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list longer than the cap says so, and has pages up to the cap."""
    monkeypatch.setattr("feeds.admin.paginator.MOST_COUNTED", 4)
    session = connect("alice")
    rows = [report(session, number) for number in range(1, 5)]
    paginator = CappedPaginator(BlockReport.objects.order_by("number"), 3)
    assert (paginator.count, paginator.is_capped, paginator.num_pages) == (4, False, 2)
    report(session, 5)
    paginator = CappedPaginator(BlockReport.objects.order_by("number"), 3)
    assert (paginator.count, paginator.is_capped, paginator.num_pages) == (4, True, 2)
    assert list(paginator.page(2)) == rows[3:]


def test_capped_list_recommends_filters(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a list has more rows than its pages show, it says that filters find the others."""
    session = connect("alice")
    for number in range(1, 5):
        report(session, number)
    path = reverse("admin:feeds_blockreport_changelist")
    assert "4 block reports" in admin_client.get(path).content.decode()
    monkeypatch.setattr("feeds.admin.paginator.MOST_COUNTED", 3)
    page = admin_client.get(path).content.decode()
    assert "the first 3 block reports; filter to see the others" in page


@pytest.mark.parametrize("model", [*FACTS, "feed"])
def test_list_needs_no_query_per_row(admin_client: Client, model: str) -> None:
    """No list queries the database once per row, and none needs more than 12 queries."""
    path = reverse(f"admin:feeds_{model}_changelist")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(path).status_code == 200
        return len(captured.captured_queries)

    def add(number: int) -> None:
        session = connect(f"client {number}")
        report(session, 1)
        ClientMessage.objects.create(session=session, text="Hey Server!", received_at=NOW)
        Feed.objects.create(name=f"feed{number}", kind="arrays")

    add(0)
    queries()  # the queries of the first request only
    few = queries()
    for number in range(1, 31):
        add(number)
    assert queries() == few <= 12


def test_number_stated_by_a_plain_client_is_shown(admin_client: Client) -> None:
    """The list, the page and the session show both numbers if the server's differs."""
    bob = connect("bob", block_size=0)
    text = "Client bob received {} block in 4.002 time"
    for number, said in ((1, 1), (2, 7)):
        shown_text = text.format(said)
        report(bob, number, plain=True, number_said=said, text=shown_text, ranges={}, size=4)
    address = reverse("admin:feeds_blockreport_changelist")
    page = admin_client.get(address).content.decode()
    assert page.count("(said ") == 1
    assert "2 (said 7)" in page
    assert text.format(7) in page
    for row in (BlockReport.objects.get(number=2), bob):
        assert "2 (said 7)" in shown(admin_client, row)
