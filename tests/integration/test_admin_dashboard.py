"""The admin's first page, and the figures that refresh it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from feeds.admin.figures import history, points
from feeds.admin.figures.history import SPANS, look_back
from feeds.models import Feed, Sample
from tests.support.admin import connect

NOW = datetime(2026, 11, 21, 12, 30, 20, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def sample(at: datetime, **changes: Any) -> Sample:
    """Store a sample of ten seconds that ended at *at*."""
    fields = {
        "server": "one",
        "seconds": 10.0,
        "sessions": 2,
        "messages": 400,
        "worst_lag": 3,
        "blocks": 5,
        "verified": 5,
        "broken": 0,
        "overhead_p50": 1.0,
        "overhead_p99": 1.5,
        "latency_p50": 0.001,
        "latency_p99": 0.004,
    }
    return Sample.objects.create(at=at, **{**fields, **changes})


def told(browser: Client) -> dict[str, Any]:
    """Return the figures that the page's script receives."""
    answer = browser.get(reverse("dashboard"))
    assert answer.status_code == 200
    figures: dict[str, Any] = answer.json()
    return figures


def tiles(browser: Client) -> dict[str, tuple[str, str]]:
    """Return value and note of each tile, by its name."""
    return {tile["name"]: (tile["value"], tile["note"]) for tile in told(browser)["tiles"]}


def reader(client: Client, *models: str) -> Client:
    """Sign in a user who may view *models* and nothing else."""
    user = User.objects.create_user("reader", is_staff=True)
    names = [f"view_{model}" for model in models]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def test_hour_matches_a_calculation_by_hand() -> None:
    """Samples of all servers are added up per minute; minutes without samples stay empty."""
    sample(NOW - timedelta(seconds=10), sessions=9, messages=0, blocks=0, verified=0)
    sample(NOW)
    broken = {"blocks": 1, "verified": 0, "broken": 1, "left_out": 1}
    none = {"overhead_p50": None, "overhead_p99": None}
    sample(NOW, server="two", messages=100, worst_lag=8, latency_p99=0.009, **broken, **none)
    sample(NOW - timedelta(minutes=2), messages=20)
    sample(NOW - timedelta(hours=2))
    found = look_back(NOW)
    assert (found.starts[-1].minute, len(found.points), found.is_empty) == (30, 60, False)
    minute, hole, before = found.points[-1], found.points[-2], found.points[-3]
    assert (minute.messages, minute.blocks) == (20 + 5, 15 + 3)
    # Nine sessions were there at the end of the first sample, two with each server later.
    assert (minute.sessions, found.now.sessions, minute.worst_lag) == (9, 4, 8)
    assert (minute.overhead_p50, minute.overhead_p99) == (1.0, 1.5)
    assert (minute.latency_p50, minute.latency_p99) == (0.001, 0.009)
    assert hole == points.Point()
    assert before.messages == 2
    assert (found.now.messages, found.now.blocks) == (40 + 10, 30 + 6)
    assert (found.blocks, found.verified, found.broken) == (11, 10, 1)
    assert (found.left_out, found.plain) == (1, 0)


def test_sessions_of_a_minute_are_the_peak() -> None:
    """A swarm that joined and left within a minute is on the chart with all its members."""
    for seconds, sessions in ((-40, 3), (-30, 28), (-20, 28), (-10, 3), (0, 3)):
        sample(NOW.replace(second=50) + timedelta(seconds=seconds), sessions=sessions)
    found = look_back(NOW.replace(second=55))
    assert (found.points[-1].sessions, found.now.sessions) == (28, 3)


def test_plain_clients_have_a_separate_chart(admin_client: Client) -> None:
    """Block times of plain clients have no ideal, so they are not mixed with other figures."""
    sample(datetime.now(UTC), plain=2, plain_p50=4.0, plain_p99=5.0, overhead_p50=None)
    *_, overhead, latency, plain = told(admin_client)["charts"]
    assert [chart["title"] for chart in (overhead, latency, plain)] == [
        "Overhead",
        "Latency",
        "Block time of plain clients",
    ]
    assert "2 blocks" in plain["about"]
    lines = json.loads(plain["data"])["datasets"]
    assert [max(v for v in line["data"] if v is not None) for line in lines] == [4.0, 5.0]


def test_broken_blocks_are_marked_and_linked(admin_client: Client) -> None:
    """A broken block of the last hour is counted, marked red, and linked to the list."""
    sample(datetime.now(UTC), broken=1, left_out=3)
    said = told(admin_client)
    tile = next(tile for tile in said["tiles"] if tile["name"] == "Broken")
    assert (tile["value"], tile["state"]) == ("1", "broken")
    assert admin_client.get(tile["link"]).status_code == 200
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert '<li data-state="broken"' in page
    assert f'href="{tile["link"]}"' in page
    overhead = next(chart for chart in said["charts"] if chart["title"] == "Overhead")
    assert "Left out of 5 blocks: 3." in overhead["about"]


def served(first: float, last: float, server: str) -> None:
    """Store a sample of *server* for every ten seconds between two instants."""
    for end in range(floor(first) + 10, floor(last) + 1, 10):
        at = NOW.replace(second=0) + timedelta(seconds=end + first % 1)
        steady: dict[str, Any] = {"sessions": 1000, "messages": 10_000, "blocks": 100}
        sample(at, server=server, **steady)


def steady_minutes(until: float) -> list[tuple[float | None, float | None, int | None]]:
    """Return messages/s, blocks/min and sessions of the last two minutes and at present."""
    found = look_back(NOW.replace(second=0) + timedelta(seconds=until))
    return [
        (
            point.messages and round(point.messages, 6),
            point.blocks and round(point.blocks, 6),
            point.sessions,
        )
        for point in (*found.points[-2:], found.now)
    ]


def test_steady_server_has_steady_rates() -> None:
    """A steady server has the same rates in each minute, including an unfinished one."""
    served(-123, 27, "one")
    assert steady_minutes(28) == [(1000, 600, 1000)] * 3


@pytest.mark.parametrize("phase", [0.0, 0.001, 4.0, 9.5])
def test_servers_side_by_side_add_up(phase: float) -> None:
    """Two servers count twice as much as one, whenever each of them stores its samples."""
    served(-123, 27, "one")
    served(-123 + phase, 27, "two")
    assert steady_minutes(28) == [(2000, 1200, 2000)] * 3


@pytest.mark.parametrize("away", [2.0, 5.0, 20.0])
def test_restarted_server_adds_nothing(away: float) -> None:
    """A server and its successor are counted one after the other."""
    served(-123, -33, "one")
    served(-33 + away, 30, "another")
    assert steady_minutes(28)[0] == (1000, 600, 1000)


def test_restarted_server_replaces_the_previous_one_now() -> None:
    """With the first sample of the new server, the previous one no longer counts."""
    served(-123, 7, "one")
    served(9, 19, "another")
    assert steady_minutes(20)[1:] == [(1000, 600, 1000)] * 2


def test_stopped_server_counts_while_it_ran() -> None:
    """A server's messages and sessions count up to the minute in which it ended."""
    served(-125, 25, "one")
    served(-125, -35, "two")
    assert steady_minutes(26) == [
        (pytest.approx(1000 + 1000 * 25 / 60), pytest.approx(600 + 600 * 25 / 60), 2000),
        (1000, 600, 1000),
        (1000, 600, 1000),
    ]


def test_samples_read_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest samples are read, however many servers there are."""
    monkeypatch.setattr(history, "MOST_SAMPLES", 2)
    for seconds in (5, 15, 25):
        sample(NOW - timedelta(seconds=seconds))
    assert look_back(NOW).blocks == 10


def test_figures_are_the_stored_ones(admin_client: Client) -> None:
    """Tiles, feeds and charts show the stored figures."""
    now = datetime.now(UTC)
    connect("alice")
    sample(now - timedelta(seconds=1))
    sample(now - timedelta(minutes=5), blocks=995, verified=994, broken=1)
    Feed.objects.all().delete()
    numbers = Feed.objects.create(name="numbers", kind="arrays", rate="2.5")
    assert tiles(admin_client) == {
        "Sessions online": ("1", "connected now"),
        "Messages/s": ("40", "sent to all, over the last 10 s"),
        "Worst lag": ("3", "messages behind, when last checked"),
        "Blocks/min": ("30", "over the last 10 s"),
        "Broken": ("1", "in the last hour; look at them"),
        "Verified": ("99.9 %", "of 1,000 blocks in the last hour"),
    }
    said = told(admin_client)
    assert said["feeds"] == [
        {
            "name": "numbers",
            "state": "not started",
            "rate": "2.5/s",
            "head": "0",
            "page": reverse("admin:feeds_feed_change", args=(numbers.pk,)),
            "sessions": "/admin/feeds/clientsession/?feed=numbers",
            "reports": "/admin/feeds/blockreport/?feed=numbers",
        }
    ]
    titles = ["Messages", "Sessions", "Worst lag", "Blocks", "Overhead", "Latency", "Outages"]
    assert [chart["title"] for chart in said["charts"]] == titles
    latency = json.loads(said["charts"][5]["data"])
    drawn = [value for value in latency["datasets"][1]["data"] if value is not None]
    assert drawn == [4.0, 4.0]
    page = admin_client.get(reverse("admin:index")).content.decode()
    for shown in ("99.9 %", "numbers", "2.5/s", "Latency"):
        assert shown in page


def test_every_figure_is_a_link(admin_client: Client) -> None:
    """Tiles and feeds link to the lists they count, for users who may view them."""
    Feed.objects.get_or_create(name="users", defaults={"kind": "users"})
    said = told(admin_client)
    links = [tile["link"] for tile in said["tiles"] if tile["link"]]
    links += [feed[name] for feed in said["feeds"] for name in ("page", "sessions", "reports")]
    page = admin_client.get(reverse("admin:index")).content.decode()
    for link in dict.fromkeys(links):
        assert f'href="{link}"' in page
        assert admin_client.get(link).status_code == 200
    assert len(links) >= 5 + 3


@pytest.mark.parametrize("name", ["hour", "day", "week"])
def test_span_can_be_chosen(admin_client: Client, name: str) -> None:
    """Each span shows the same blocks and the peak of sessions, in its own steps."""
    now = datetime.now(UTC)
    for seconds, sessions in ((1, 3), (11, 28), (21, 3)):
        sample(now - timedelta(seconds=seconds), sessions=sessions)
    sample(now - timedelta(hours=30))
    said = admin_client.get(reverse("dashboard"), {"span": name}).json()
    assert said["span"] == name
    charts = {chart["title"]: json.loads(chart["data"]) for chart in said["charts"]}
    assert len(charts["Sessions"]["labels"]) == SPANS[name].points
    (line,) = charts["Sessions"]["datasets"]
    assert max(value for value in line["data"] if value is not None) == 28
    known = sum(value is not None for value in line["data"])
    assert known <= (3 if name == "week" else 2)
    verified = next(tile for tile in said["tiles"] if tile["name"] == "Verified")
    assert verified["note"] == f"of {20 if name == 'week' else 15} blocks in the last {name}"
    page = admin_client.get(reverse("admin:index"), {"span": name}).content.decode()
    assert f"The last {name}" in page


@pytest.mark.parametrize("name", SPANS)
def test_outage_is_shown_as_a_hole(name: str) -> None:
    """A time without any server process is an outage, not a zero, even if it lasts until now."""
    gone = SPANS[name].step * 3
    for seconds in (0, 10):
        sample(NOW - timedelta(seconds=seconds + 60))
        sample(NOW - gone - timedelta(seconds=seconds))
    found = look_back(NOW, SPANS[name])
    assert list(found.outages) == ["server"]
    ago = [(NOW - a, NOW - b) for a, b in found.outages["server"]]
    assert ago == [
        (timedelta(seconds=60), timedelta(0)),
        (gone, timedelta(seconds=80)),
    ]
    assert found.points[-3].sessions is None
    assert found.points[-4].sessions == 2


def test_quick_restart_is_not_an_outage() -> None:
    """Neither a quick restart nor a second server that starts or ends is an outage."""
    for seconds in range(0, 100, 10):
        sample(NOW - timedelta(seconds=seconds), server="one" if seconds > 40 else "two")
    assert look_back(NOW).outages == {}


@pytest.mark.parametrize("name", SPANS)
def test_outage_of_a_part_is_listed_and_drawn(admin_client: Client, name: str) -> None:
    """Consecutive samples that name a part are one outage of it, over any span."""
    now = datetime.now(UTC)
    marks = ["", "database recorder", "database", "", "layer", ""]
    for number, unavailable in enumerate(marks):
        sample(now - timedelta(seconds=10 * number), unavailable=unavailable)
    sample(now - timedelta(seconds=20), server="two", unavailable="database")
    found = look_back(now, SPANS[name])
    ago = {
        part: [tuple((now - end).total_seconds() for end in ends) for ends in spans]
        for part, spans in found.outages.items()
    }
    assert ago == {"layer": [(50, 40)], "database": [(30, 10)], "recorder": [(20, 10)]}
    said = admin_client.get(reverse("dashboard"), {"span": name}).json()
    assert "The database was unavailable 1 time, 0:00:20 in all (UTC): " in said["outages"]
    assert "The channel layer was unavailable 1 time, 0:00:10 in all" in said["outages"]
    assert "Reports could not be stored 1 time, 0:00:10 in all" in said["outages"]
    chart = said["charts"][-1]
    assert chart["title"] == "Outages"
    drawn = {
        line["label"]: round(sum(value or 0 for value in line["data"]), 3)
        for line in json.loads(chart["data"])["datasets"]
    }
    assert drawn == {"no channel layer": 10, "no database": 20, "reports wait": 10}


def test_absence_of_outages_is_a_sentence_without_a_chart(admin_client: Client) -> None:
    """If every part always worked, there is a sentence and no chart."""
    sample(datetime.now(UTC))
    said = told(admin_client)
    assert said["outages"].startswith("No outage: ")
    assert "Outages" not in [chart["title"] for chart in said["charts"]]


@pytest.mark.parametrize("name", SPANS)
def test_feed_is_chosen(admin_client: Client, name: str) -> None:
    """Sessions, messages and lag cover the chosen feed only; figures of reports are left out."""
    Feed.objects.get_or_create(name="users", defaults={"kind": "users"})
    now = datetime.now(UTC)
    feeds = {"users": [1, 100, 7], "arrays": [2, 300, 3]}
    sample(now - timedelta(seconds=10), feeds=feeds)
    sample(now, feeds={"arrays": [2, 300, 3]})
    chosen = {"span": name, "feed": "users"}
    said = admin_client.get(reverse("dashboard"), chosen).json()
    assert said["feed"] == "users"
    charts = {chart["title"]: json.loads(chart["data"]) for chart in said["charts"]}
    assert list(charts) == ["Messages", "Sessions", "Worst lag"]

    def most(title: str) -> float:
        (line,) = charts[title]["datasets"]
        return float(max(value for value in line["data"] if value is not None))

    assert (most("Sessions"), most("Worst lag")) == (1, 7)
    # 100 messages in 20 s are 5/s. If a step ends meanwhile, the newer step has up to 10/s.
    # All feeds together have 40/s.
    assert 0 < round(most("Messages"), 6) <= 10
    all_of_them = look_back(now, SPANS[name]).now
    assert look_back(now, SPANS[name], "users").now == all_of_them
    assert tiles(admin_client)["Messages/s"][0] == "40"
    page = admin_client.get(reverse("admin:index"), chosen).content.decode()
    assert f"The last {name} of users" in page
    assert "<option selected>users</option>" in page
    assert f"?span={name}&amp;feed=users" in page
    analysis = f"{reverse('admin:feeds_blockreport_analysis')}?feeds=users"
    assert f'href="{analysis}"' in page


@pytest.mark.parametrize("name", SPANS)
def test_samples_without_figures_per_feed_are_a_hole(name: str) -> None:
    """A sample of an older version has no figures per feed, so no zero is drawn."""
    sample(NOW)
    assert look_back(NOW, SPANS[name]).points[-1].sessions == 2
    assert look_back(NOW, SPANS[name], "users").points[-1] == points.Point()


def test_unknown_feed_stands_for_all(admin_client: Client, client: Client) -> None:
    """An unknown feed means all feeds; so does one that the user may not view."""
    Feed.objects.get_or_create(name="users", defaults={"kind": "users"})
    sample(datetime.now(UTC))
    assert admin_client.get(reverse("dashboard"), {"feed": "nope"}).json()["feed"] == ""
    browser = reader(client, "clientsession")
    assert browser.get(reverse("dashboard"), {"feed": "users"}).json()["feed"] == ""
    assert 'name="feed"' not in browser.get(reverse("admin:index")).content.decode()


def test_empty_history_is_announced(admin_client: Client) -> None:
    """Without a sample, the page says that there is no data, and shows no figures."""
    Feed.objects.all().delete()
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert '<p id="no-history" class="analysis-about">No data is stored for the last hour' in page
    assert "There is no feed yet" in page
    shown = tiles(admin_client)
    assert shown["Messages/s"] == ("–", "no server stores figures now")  # noqa: RUF001
    assert shown["Verified"] == ("–", "no block in the last hour")  # noqa: RUF001


@pytest.mark.parametrize(
    ("models", "names", "charts", "feeds"),
    [
        (("clientsession",), ["Sessions online", "Messages/s", "Worst lag"], 3, 0),
        (("blockreport",), ["Blocks/min", "Broken", "Verified"], 3, 0),
        (("feed",), [], 0, 1),
        ((), [], 0, 0),
    ],
    ids=["sessions", "reports", "feeds", "nothing"],
)
def test_page_shows_only_viewable_models(
    client: Client, models: tuple[str, ...], names: list[str], charts: int, feeds: int
) -> None:
    """Data that a user may not view is neither on the page nor in the figures."""
    Feed.objects.all().delete()
    Feed.objects.create(name="numbers", kind="arrays")
    browser = reader(client, *models)
    said = told(browser)
    assert [tile["name"] for tile in said["tiles"]] == names
    assert (len(said["charts"]), len(said["feeds"])) == (charts, feeds)
    page = browser.get(reverse("admin:index")).content.decode()
    assert ("may not view feeds, sessions or block reports" in page) is (not models)
    assert ("numbers" in page) is bool(feeds)


def test_figures_need_a_staff_account(client: Client) -> None:
    """Visitors and users who are not staff get no figures and no redirect."""
    assert client.get(reverse("dashboard")).status_code == 403
    client.force_login(User.objects.create_user("anybody"))
    assert client.get(reverse("dashboard")).status_code == 403


def test_queries_do_not_grow_with_the_history(admin_client: Client) -> None:
    """A busy hour of many servers, sessions and feeds costs as many queries as a quiet one."""

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            told(admin_client)
        return len(captured)

    now = datetime.now(UTC)
    Feed.objects.get_or_create(name="users", defaults={"kind": "users"})
    sample(now)
    quiet = cost()
    for number in range(20):
        connect(f"client-{number}")
        Feed.objects.create(name=f"feed-{number}", kind="arrays")
        for seconds in range(0, 600, 10):
            sample(now - timedelta(seconds=seconds), server=f"server-{number}")
    # Session and account, then samples, online sessions, feeds and their segments.
    assert cost() == quiet == 6


def test_files_that_the_page_names_exist(admin_client: Client) -> None:
    """The page names its script, and each static file that it names is found."""
    page = admin_client.get(reverse("admin:index")).content.decode()
    names = re.findall(r'(?:src|href)="/static/([^"?]*)"', page)
    assert "feeds/dashboard.js" in names
    assert [name for name in names if finders.find(name) is None] == []
