"""The page on ``/`` and its updates."""

from __future__ import annotations

import html
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from feeds.making.observation import OBSERVER
from feeds.making.regeneration import source_of
from feeds.making.segments import recipe_of
from feeds.models import BlockReport, ClientSession, Connection, Feed
from feeds.pages import overview
from feeds.pages.away import Causes, DatabaseAway
from feeds.pages.examples import ADDRESS, FILES
from feeds.pages.newest import MOST_MESSAGES
from feeds.pages.overview import MOST_CLIENTS, forget
from feeds.running.outages import Outage, Outages
from feeds.show import MOST_CHARACTERS

CHECKOUT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)
NEVER_STARTED = (
    "feed users is not running: it was never started; start it with: python manage.py generate"
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def troubles(monkeypatch: pytest.MonkeyPatch) -> Outages:
    """Give the test the outages of a process that has none."""
    own = Outages()
    monkeypatch.setattr(overview, "OUTAGES", own)
    return own


def connect(name: str, number: int = 0, status: str = ClientSession.Status.ONLINE) -> ClientSession:
    """Store a session that connected *number* seconds before NOW."""
    return ClientSession.objects.create(
        key=f"{name}-{number:06d}-a-secret-nobody-may-see",
        client=name,
        feeds="users arrays",
        block_size=3,
        status=status,
        blocks=2,
        messages=6,
        verified=1,
        created_at=NOW,
        connected_at=NOW - timedelta(seconds=number),
        seen_at=NOW,
    )


def report(session: ClientSession, number: int, text: str) -> None:
    """Store a block report with *text* as its sentence."""
    BlockReport.objects.create(
        session=session, number=number, text=text, seconds=1.0, clients=1, received_at=NOW
    )


def test_feed_without_a_generator_says_what_to_do(client: Client) -> None:
    """A feed without a generator is shown with the command that starts it."""
    card = next(f for f in client.get("/status.json").json()["feeds"] if f["name"] == "users")
    assert card["state"] == "not started"
    assert card["sentence"] == NEVER_STARTED
    assert NEVER_STARTED in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("values", "state", "words"),
    [
        pytest.param({}, "not started", "was never started; start it with", id="never started"),
        pytest.param({"promised": 5}, "stopped", "was stopped; start it with", id="stopped"),
        pytest.param(
            {"promised": 5, "promised_us": 1_796_001_492_000_000},
            "silent",
            "its generator was killed, hangs, or cannot reach the database; if it is gone, start",
            id="killed",
        ),
        pytest.param(
            {"promised_us": 1}, "waiting", "is waiting for its first message", id="begins"
        ),
        pytest.param({"enabled": False}, "switched off", "is switched off in the admin", id="off"),
    ],
)
def test_reason_of_a_quiet_feed_is_shown(
    client: Client,
    values: dict[str, Any],
    state: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A feed is called stopped, silent or never started only if that is known."""
    Feed.objects.filter(name="users").update(**values)
    if state == "silent":
        assert user_card(client)["state"] == "waiting"
        monkeypatch.setattr(OBSERVER, "_seconds", 0.0)
        overview.forget()
    card = user_card(client)
    assert card["state"] == state
    assert words in card["sentence"]


def user_card(client: Client) -> dict[str, str]:
    """Return the state of the feed users."""
    cards = client.get("/status.json").json()["feeds"]
    return next(card for card in cards if card["name"] == "users")


def test_health_is_good(client: Client) -> None:
    """If every feed runs and no block is broken, the first line says so."""
    run_feed("arrays", promised=60)
    run_feed("users", promised=60)
    assert client.get("/status.json").json()["health"] == {
        "state": "good",
        "word": "All is well",
        "reason": "2 feeds running, no stored block is broken.",
    }
    assert 'id="health" data-state="good"' in client.get("/").content.decode()


def test_health_is_bad(client: Client, troubles: Outages) -> None:
    """The first line names the reasons, outages first, and counts the others."""
    run_feed("users", promised=60)
    session = connect("alice")
    ClientSession.objects.filter(pk=session.pk).update(broken=2)
    troubles.begin("layer", Outage(what="The layer is away", cause="", then="it goes on."))
    found = client.get("/status.json").json()["health"]
    assert (found["state"], found["word"]) == ("bad", "Something is wrong")
    assert found["reason"] == (
        "The layer is away; feed arrays was never started; 2 blocks are broken."
    )


def test_health_without_enabled_feeds(client: Client) -> None:
    """A feed that is switched off is not a fault."""
    Feed.objects.update(enabled=False)
    found = client.get("/status.json").json()["health"]
    assert (found["state"], found["reason"]) == ("still", "Every feed is switched off.")


def test_card_of_a_message(client: Client) -> None:
    """A card shows the whole record and its line; a message that is not due has none."""
    Feed.objects.filter(name="arrays").update(spec={"shape": [1000]})
    run_feed("arrays", promised=60)
    page = client.get("/?watch=arrays").content.decode()
    (address, *_) = re.findall(r'data-card data-field="record" href="([^"]*)"', page)
    assert address == "/message?feed=arrays&amp;offset=60"
    card = html.unescape(client.get(html.unescape(address)).content.decode())
    record = source_of(recipe_of(Feed.objects.get(name="arrays"))).records(60, 1)[0].decode()
    assert len(record) > MOST_CHARACTERS
    assert f">{record}</pre>" in card
    assert f'"data":{record}}}</pre>' in card
    for offset in ("0", "61", "9" * 30, "x", ""):
        assert client.get("/message", {"feed": "arrays", "offset": offset}).status_code == 404
    assert client.get("/message", {"feed": "a\x00", "offset": "1"}).status_code == 404


def test_card_of_a_client(client: Client, admin_client: Client) -> None:
    """A card shows a client's facts, never its key; staff see a link to the admin."""
    session = connect("alice")
    Connection.objects.create(
        session=session, server="a", channel="b", peer="c", opened_at=NOW, seen_at=NOW, behind=7
    )
    report(session, 2, "Client alice received 2 block in 2.001 s time")
    (row,) = client.get("/status.json").json()["clients"]
    public = client.get("/client", {"id": row["id"]}).content.decode()
    for words in ("users, arrays", "1 verified", "7 messages", "2026-11-21 09:30:15 UTC"):
        assert words in public
    assert "received 2 block" in public
    link = f"/admin/feeds/clientsession/{session.pk}/change/"
    staff = admin_client.get("/client", {"id": row["id"]}).content.decode()
    assert (link in public, link in staff) == (False, True)
    assert session.key[:12] not in public + staff
    ClientSession.objects.update(status=ClientSession.Status.LEFT)
    for pk in (row["id"], "9" * 30, "x"):
        gone = client.get("/client", {"id": pk})
        assert gone.status_code == 404
        assert "is no longer connected" in gone.content.decode()


def test_switched_off_feed_is_shown_as_such(client: Client) -> None:
    """The page does not ask for a disabled feed to be started."""
    Feed.objects.update_or_create(name="users", defaults={"enabled": False})
    card = next(f for f in client.get("/status.json").json()["feeds"] if f["name"] == "users")
    assert (card["state"], card["head"]) == ("switched off", "0")


def test_connected_clients_are_shown(client: Client) -> None:
    """A connected client is shown with its newest sentence; one that left is not."""
    alice = connect("alice")
    connect("bob", status=ClientSession.Status.LEFT)
    report(alice, 1, "Client alice received 1 block in 2.000 s time")
    report(alice, 2, "Client alice received 2 block in 2.001 s time")
    status = client.get("/status.json").json()
    assert status["clients"] == [
        {
            "id": f"{alice.pk}",
            "client": "alice",
            "feeds": "users, arrays",
            "block_size": "3",
            "since": "2026-11-21 09:30:15",
            "blocks": "2",
            "last_block": "Client alice received 2 block in 2.001 s time",
            "state": "",
        }
    ]
    assert (status["connected"], status["blocks"], status["messages"]) == ("1", "4", "12")
    assert status["verified"] == "2"


def test_status_has_numbers(client: Client) -> None:
    """Programs get the main values as numbers, not as text for people."""
    assert client.get("/status.json").json()["numbers"]["latency_seconds"] is None
    forget()
    report(connect("alice"), 1, "Client alice received 1 block in 2.000 s time")
    numbers = client.get("/status.json").json()["numbers"]
    assert numbers["feeds"].keys() == {"arrays", "users"}
    assert numbers["feeds"]["users"] == {"rate": 1.0, "head": 0}
    expected = {"connected": 1, "sessions": 1, "blocks": 2, "verified": 1, "messages": 6}
    assert {name: numbers[name] for name in expected} == expected
    assert numbers["blocks_per_minute"] == 0.0


def test_page_and_status_agree(client: Client) -> None:
    """Every value of the status is on the page when the page is loaded."""
    report(connect("alice"), 1, "Client alice received 1 block in 2.000 s time")
    page = client.get("/").content.decode()
    status = client.get("/status.json").json()
    for row in [*status["feeds"], *status["clients"]]:
        for name, value in row.items():
            shown = f">{value}<"
            shown = f'href="/client?id={value}"' if name == "id" else shown
            shown = f'data-state="{value}"' if name == "state" else shown
            assert shown in page, (name, value)


def test_list_of_clients_is_bounded(client: Client) -> None:
    """The newest clients are listed, the others counted, with the same number of queries."""
    with CaptureQueriesContext(connection) as few:
        client.get("/status.json")
    forget()
    for number in range(MOST_CLIENTS + 7):
        report(connect("crowd", number), 1, "Client crowd received 1 block in 1.000 s time")
    with CaptureQueriesContext(connection) as many:
        status = client.get("/status.json").json()
    assert len(many) == len(few)
    assert len(status["clients"]) == MOST_CLIENTS
    assert status["more"] == "and 7 more"
    assert status["clients"][0]["since"] == "2026-11-21 09:30:15"


def test_texts_of_clients_are_escaped(client: Client) -> None:
    """A client's text is shown without control characters and markup."""
    report(connect("alice"), 1, "Client <b>\x1b[31m received 1 block in 1.000 s time")
    page = client.get("/").content.decode()
    assert "Client &lt;b&gt;\\x1b[31m received" in page
    assert "\x1b" not in page


def test_key_is_never_shown(client: Client) -> None:
    """No part of a session's key is public."""
    session = connect("alice")
    for path in ("/", "/status.json"):
        assert session.key[:12] not in client.get(path).content.decode()


@pytest.mark.parametrize(
    ("secure", "address"), [(False, "ws://feed.example:81/"), (True, "wss://feed.example:81/")]
)
def test_examples_are_the_files_of_the_checkout(client: Client, secure: bool, address: str) -> None:  # noqa: FBT001
    """Each example is a file of the checkout, with this server's own address."""
    with override_settings(ALLOWED_HOSTS=["feed.example"]):
        response = client.get("/", headers={"host": "feed.example:81"}, secure=secure)
    for example, name in zip(response.context["examples"], FILES.values(), strict=True):
        original = (CHECKOUT / "examples" / name).read_text(encoding="utf-8")
        assert ADDRESS in original
        assert ADDRESS not in example.text
        assert example.text == original.replace(ADDRESS, address).strip()


def test_foreign_host_is_refused(client: Client) -> None:
    """A name that is not this server's never becomes part of the page."""
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/", "/status.json", "/no/such/page"])
def test_page_allows_only_its_own_files(client: Client, path: str) -> None:
    """A public page loads nothing from elsewhere, and has no inline script or style."""
    response = client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    page = response.content.decode()
    assert not re.search(
        r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page.split("<code>")[0]
    )
    for address in re.findall(r'(?:src|href)="([^"]*)"', page.split("<code>")[0]):
        assert address.startswith(("/", "#")), address


def test_static_files_exist_and_name_no_other_host(client: Client) -> None:
    """Every static file of the page is found, and names no other host."""
    names = re.findall(r'(?:src|href)="/static/([^"]*)"', client.get("/").content.decode())
    assert sorted(set(names)) == ["feeds/icon.svg", "feeds/page.css", "feeds/page.js"]
    seen: set[str] = set()
    while names:
        name = names.pop()
        found = finders.find(name)
        assert isinstance(found, str), name
        text = Path(found).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text)
        seen.add(name)
        modules = re.findall(r'^import .* from "\./([\w]+\.js)";$', text, re.MULTILINE)
        names += {f"feeds/{module}" for module in modules} - seen
    assert {"feeds/client.js", "feeds/digest.js"} < seen


@pytest.mark.parametrize("path", ["/", "/status.json"])
def test_page_is_never_cached(client: Client, path: str) -> None:
    """Each request gets the current state, sets no cookie and changes nothing."""
    response = client.get(path)
    assert "no-store" in response.headers["Cache-Control"]
    assert not response.cookies
    assert client.post(path).status_code == 405


def test_unknown_address_is_explained(client: Client) -> None:
    """An unknown address is answered with a page that links the first page."""
    response = client.get("/no/such/<page>")
    assert response.status_code == 404
    page = response.content.decode()
    assert "There is no page at this address" in page
    assert "/no/such/&lt;page&gt;" in page
    assert 'href="/"' in page


def run_feed(name: str, *, promised: int) -> None:
    """Let the feed *name* have run for a hundred seconds, one message a second."""
    feed = Feed.objects.get(name=name)
    now_us = time.time_ns() // 1000
    recipe = recipe_of(feed)
    feed.segments.create(
        epoch=source_of(recipe).epoch,
        kind=feed.kind,
        spec=feed.spec,
        seed=feed.seed,
        first=1,
        started_us=now_us - 100_000_000,
        rate_milli=1000,
    )
    Feed.objects.filter(name=name).update(promised=promised, promised_us=now_us)


def test_newest_messages_are_shown(client: Client) -> None:
    """The last messages of the watched feed are shown as they were sent, newest first."""
    run_feed("arrays", promised=60)
    shown = client.get("/status.json?watch=arrays").json()["watched"]
    assert shown["feed"] == "arrays"
    offsets = [message["offset"] for message in shown["messages"]]
    assert offsets == list(range(60, 60 - MOST_MESSAGES, -1))
    record = source_of(recipe_of(Feed.objects.get(name="arrays"))).records(60, 1)[0]
    assert shown["messages"][0]["record"] == record.decode()
    page = client.get("/?watch=arrays").content.decode()
    assert f">{record.decode()}</a></td>" in page
    assert re.search(r'data-last-us="\d{16}"', page)
    assert re.search(r'aria-current="true">arrays<', page)


def test_young_feed_shows_its_few_messages(client: Client) -> None:
    """A feed with three messages shows all three; a feed that never ran shows none."""
    run_feed("arrays", promised=3)
    shown = client.get("/status.json?watch=arrays").json()["watched"]
    assert [message["offset"] for message in shown["messages"]] == [3, 2, 1]
    assert client.get("/status.json?watch=users").json()["watched"]["messages"] == []


def test_long_record_is_cut(client: Client) -> None:
    """A record longer than a row is cut, with an ellipsis."""
    Feed.objects.filter(name="arrays").update(spec={"shape": [1000]})
    run_feed("arrays", promised=1)
    (message,) = client.get("/status.json?watch=arrays").json()["watched"]["messages"]
    assert len(message["record"]) == MOST_CHARACTERS + 1
    assert message["record"].endswith("…")


def test_missing_messages_are_explained(client: Client) -> None:
    """Beside the messages of a stopped feed, the page shows what to do."""
    page = client.get("/?watch=users").content.decode()
    sentence = re.search(r'id="stream-sentence">([^<]*)<', page)
    assert sentence is not None
    assert sentence[1] == NEVER_STARTED


@pytest.mark.parametrize("wanted", ["", "no-such-feed", "<b>", "\x00"])
def test_unknown_feed_shows_the_default(client: Client, wanted: str) -> None:
    """A request for a feed that does not exist shows the default feed of clients."""
    assert client.get("/status.json", {"watch": wanted}).json()["watched"]["feed"] == "users"


def test_many_pages_share_one_look(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in quick succession share one look at the database."""
    for shared in (overview._OVERVIEW, overview._TIMES, overview._TOTALS, overview._SPARKLINES):
        monkeypatch.setattr(shared, "_clock", lambda: 0.0)
    client.get("/status.json")
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            client.get("/status.json")
    assert len(queries) == 0


def test_slow_totals_are_shared_for_longer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow totals are kept for longer; the list of connected clients never is."""
    seconds = count()
    monkeypatch.setattr(overview._TOTALS, "_clock", lambda: next(seconds))
    client.get("/status.json")
    connect("alice")
    overview._OVERVIEW.forget()
    status = client.get("/status.json").json()
    assert (status["connected"], status["sessions"]) == ("1", "of 0 sessions so far")
    # The look took a second on this clock, which advances with each reading.
    asked = [overview._TOTALS.get().sessions for _ in range(overview.TOTALS_REST - 1)]
    assert asked == [0] * (overview.TOTALS_REST - 2) + [1]
    assert overview._TOTALS.get().blocks == 2


def test_look_costs_few_queries(client: Client) -> None:
    """A look costs a fixed number of queries, whatever there is to show."""
    with CaptureQueriesContext(connection) as queries:
        client.get("/status.json")
    assert len(queries) <= 12
    # Sparklines take three of them, once in ten seconds.
    overview._OVERVIEW.forget()
    with CaptureQueriesContext(connection) as queries:
        client.get("/status.json")
    assert len(queries) <= 9


def test_sparklines_are_sent_once(client: Client) -> None:
    """A page that has the current drawing gets no other until there is a new one."""
    run_feed("arrays", promised=60)
    first = client.get("/status.json").json()["sparklines"]
    assert [line["name"] for line in first["feeds"]] == ["arrays", "users"]
    assert {line["name"] for line in first["tiles"]} == set(
        re.findall(r'data-tile="(\w+)"', client.get("/").content.decode())
    )
    again = client.get("/status.json", {"drawn": first["drawn"]}).json()["sparklines"]
    assert again is None


@pytest.mark.parametrize("debug", [False, True])
def test_database_outage_is_explained(
    admin_client: Client,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    debug: bool,
) -> None:
    """Page and admin show what is wrong and what to do; the driver's words are logged."""
    settings.DEBUG = debug
    monkeypatch.setattr("feeds.pages.away._CAUSES", Causes())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE feeds_blockreport RENAME TO feeds_gone")
    missing = {
        "sqlite": "no such table: feeds_blockreport",
        "postgresql": 'relation "feeds_blockreport" does not exist',
    }[connection.vendor]
    for path in ("/", "/status.json", "/admin/feeds/blockreport/"):
        before = transaction.savepoint()
        response = admin_client.get(path)
        transaction.savepoint_rollback(before)
        assert response.status_code == 503
        said = html.unescape(response.content.decode()).replace(r"\"", '"')
        cause = f" ({missing})" if debug else ""
        assert f"The database does not answer{cause}; it must be running" in said
        assert ("feeds_blockreport" in said) is debug
        assert "python manage.py migrate" in said
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    line = f"the database does not answer ({missing}); pages say so"
    assert caplog.messages.count(line) == 1


def test_repeated_cause_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The same cause is logged at most once a minute; a different cause is logged at once."""
    causes = Causes()
    for cause, now in [("a", 0.0), ("a", 1.0), ("b", 2.0), ("b", 61.0), ("b", 62.0)]:
        causes.note(cause, now)
    lines = [f"the database does not answer ({cause}); pages say so" for cause in "abb"]
    assert caplog.messages == lines


def test_wrong_query_is_not_an_outage() -> None:
    """An error in a query stays an error; waiting would not help."""
    middleware = DatabaseAway(lambda _: HttpResponse())
    assert (
        middleware.process_exception(HttpRequest(), IntegrityError("it is there already")) is None
    )
    damaged = middleware.process_exception(HttpRequest(), DatabaseError("it is malformed"))
    assert damaged is not None
    assert damaged.status_code == 503
