"""The analysis page for stored block reports, and its CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clientapp.figures.summary import POINT_BLOCKS
from feeds.admin.figures.analysis import Analysis, Group, analyse, band_name, band_of
from feeds.admin.figures.charts import MOST_LINES
from feeds.admin.filters import labelled
from feeds.models import BlockReport
from tests.support.admin import NOW, connect, report

PAGE = "admin:feeds_blockreport_analysis"
CSV = "admin:feeds_blockreport_analysis_csv"

IDEAL = 0.5
"""The ideal of every block, in seconds."""

pytestmark = pytest.mark.django_db


def look(browser: Client, **query: str) -> Any:
    """Return the page's response."""
    response = browser.get(reverse(PAGE), query)
    assert response.status_code == 200
    return response


def answer(browser: Client, **query: str) -> Analysis:
    """Return the analysis that the page shows."""
    found = look(browser, **query).context["answer"]
    assert isinstance(found, Analysis)
    return found


def download(user: User, **query: str) -> tuple[Any, list[dict[str, str]]]:
    """Return the response of the CSV, and its rows."""

    @async_to_sync
    async def ask() -> tuple[Any, str]:
        browser = AsyncClient()
        await browser.aforce_login(user)
        response: Any = await browser.get(reverse(CSV), query)
        parts = [part async for part in response.streaming_content]
        return response, b"".join(parts).decode("utf-8-sig")

    response, text = ask()
    return response, list(csv.DictReader(io.StringIO(text)))


def measured(seconds: float, *, clients: int = 1, latency: float = 0.001) -> dict[str, Any]:
    """Return the fields of a report that took *seconds*."""
    return {
        "seconds": seconds,
        "ideal": IDEAL,
        "rates": {"users": 1.0},
        "verdict": "verified",
        "clients": clients,
        "latency_p50": latency,
        "latency_p99": latency * 2,
        "latency_max": latency * 3,
        "clock_offset": 0.0,
    }


def sized(groups: list[Group]) -> list[tuple[int | None, int, int]]:
    """Return block size, band and number of reports of each group."""
    return [(group.block_size, group.band, group.figures.blocks) for group in groups]


def test_figures_match_a_calculation_by_hand(admin_client: Client) -> None:
    """Groups contain the reports of their block size and number of clients, with their figures."""
    alice, bob = connect("alice", block_size=3), connect("bob", block_size=10)
    for number in range(1, 101):
        report(alice, number, **measured(0.5 + number / 64, latency=number / 1000))
    report(bob, 1, **measured(9.0, clients=30))
    report(bob, 2, **measured(11.0, clients=49))
    report(bob, 3, **measured(13.0, clients=50))
    found = answer(admin_client)
    three, ten = found.by_size
    assert (three.rates, three.block_size, three.figures.timed) == ("users 1/s", 3, 100)
    seconds, overhead, late = three.figures.seconds, three.figures.overhead, three.figures.latency
    assert seconds
    assert overhead
    assert late
    assert (seconds.p50, seconds.p90, seconds.p99) == tuple(0.5 + n / 64 for n in (50, 90, 99))
    assert (overhead.p50, overhead.p90, overhead.p99) == (50 / 64, 90 / 64, 99 / 64)
    assert overhead.mean == pytest.approx(50.5 / 64)
    assert (late.p50, late.p99) == (0.05, 0.198)
    assert late.max == pytest.approx(0.3)
    assert (ten.block_size, ten.figures.timed) == (10, 3)
    assert sized(found.by_clients) == [(3, 1, 100), (10, 20, 2), (10, 50, 1)]
    assert [group.clients for group in found.by_clients] == [1, 39.5, 50]
    assert (found.reports, found.is_capped, found.more) == (103, False, 0)


def test_rates_and_feeds_are_separate_groups(admin_client: Client) -> None:
    """Blocks of one size at two rates, or of different feeds, are never in one figure."""
    alice, bob = connect("alice"), connect("bob", feeds="users arrays")
    report(alice, 1, **measured(2.0))
    report(alice, 2, **measured(0.4) | {"rates": {"users": 5.0}})
    report(bob, 1, **measured(1.0) | {"rates": {"users": 1.0, "arrays": 2.0}})
    names = [group.rates for group in answer(admin_client).by_size]
    assert names == ["arrays 2/s + users 1/s", "users 1/s", "users 5/s"]


def test_left_out_blocks_are_counted_by_reason(admin_client: Client) -> None:
    """Broken, unverifiable and interrupted blocks, and those without an ideal, change no figure."""
    alice = connect("alice")
    report(alice, 1, **measured(2.0))
    changes: list[dict[str, Any]] = [
        {"verdict": "broken"},
        {"verdict": "unverifiable"},
        {"interrupted": True},
        {"ideal": None},
    ]
    for number, change in enumerate(changes):
        report(alice, number + 2, **measured(99.0, latency=9.0) | change)
    response = look(admin_client)
    (three,) = response.context["answer"].by_size
    assert (three.figures.blocks, three.figures.timed) == (5, 1)
    assert (three.figures.seconds.max, three.figures.latency.max) == (2.0, 0.003)
    page = response.content.decode()
    assert "Left out: 1 broken, 1 unverifiable, 1 around a reconnect or catch-up" in page
    assert "1 of these blocks is broken: look at it" in page
    assert f'href="{reverse("admin:feeds_blockreport_changelist")}?verdict__exact=broken"' in page
    assert "<td>1</td><td>4</td>" in page


def test_plain_clients_are_a_separate_group(admin_client: Client) -> None:
    """Block times of plain clients are as they reported them, without ideal or latency."""
    alice = connect("alice")
    report(alice, 1, **measured(2.0))
    plain: dict[str, Any] = {"plain": True, "ideal": None, "rates": {}, "verdict": "unverifiable"}
    report(alice, 2, **measured(3.0) | plain)
    checked, own = answer(admin_client).by_size
    assert (checked.rates, checked.figures.blocks) == ("users 1/s", 1)
    assert (own.rates, own.figures.timed) == ("users, plain clients", 0)
    assert own.figures.plain
    assert own.figures.plain.p50 == 3.0
    page = look(admin_client).content.decode()
    assert "<td>3.000</td>" in page
    assert "Shown separately: 1 of plain clients." in page
    assert "Left out:" not in page


def test_latencies_by_the_clients_own_clock_are_left_out(admin_client: Client) -> None:
    """Blocks of a client with a wrong clock have a block time but no latency; the page says so."""
    fast = {**measured(2.0, latency=100.0), "clock_offset": None}
    alice = connect("alice")
    report(alice, 1, **fast)
    page = look(admin_client)
    assert "whose clients knew the server's clock" in page.content.decode()
    assert page.content.decode().count("<td>–</td>") == 2 * 3  # noqa: RUF001
    assert json.loads(page.context["charts"][4].data)["datasets"] == []
    report(alice, 2, **measured(4.0, latency=0.001))
    (three,) = answer(admin_client).by_size
    assert three.figures.timed == 2
    assert three.figures.latency == (0.001, 0.002, 0.003)


def test_clients_can_be_grouped_by_name(admin_client: Client) -> None:
    """On request each client is a row with its name."""
    for name, seconds in (("alice", 2.0), ("bob", 3.0)):
        report(connect(name), 1, **measured(seconds))
    response = look(admin_client, by="client")
    groups = response.context["answer"].by_clients
    assert [(group.client, group.figures.seconds.p50) for group in groups] == [
        ("alice", 2.0),
        ("bob", 3.0),
    ]
    page = response.content.decode()
    assert "By feeds, rate, block size and client</h2>" in page
    assert "<td>alice</td>" in page


def test_choices_come_from_stored_reports(admin_client: Client) -> None:
    """Feeds, labels and clients are chosen from a list that includes the current choice."""
    report(connect("alice", feeds="users arrays"), 1, label="two")
    report(connect("bob"), 1, label="one")
    fields = look(admin_client, label="older").context["form"].fields
    assert fields["feeds"].choices == [
        ("", "any"),
        ("arrays users", "arrays + users"),
        ("users", "users"),
    ]
    assert [value for value, _ in fields["label"].choices] == ["", "older", "one", "two"]
    assert [value for value, _ in fields["client"].choices] == ["", "alice", "bob"]


@pytest.mark.parametrize(
    ("clients", "band", "name"),
    [
        (0, 1, "1"),
        (1, 1, "1"),
        (2, 2, "2-4"),
        (4, 2, "2-4"),
        (5, 5, "5-9"),
        (49, 20, "20-49"),
        (99, 50, "50-99"),
        (2500, 2000, "2,000-4,999"),
    ],
)
def test_bands_of_clients(clients: int, band: int, name: str) -> None:
    """Numbers of clients are grouped into bands starting at 1, 2, 5, 10 and so on."""
    assert band_of(clients) == band
    assert band_name(band) == name


@pytest.mark.parametrize(
    ("query", "reports"),
    [
        ({}, 4),
        ({"label": "swarm"}, 2),
        ({"label": "swa"}, 0),
        ({"feeds": "users"}, 3),
        ({"feeds": "arrays users"}, 1),
        ({"feeds": "arrays"}, 0),
        ({"client": "alice"}, 3),
        ({"client": "alice", "feeds": "arrays users"}, 0),
        ({"first_day": "2026-11-21"}, 3),
        ({"last_day": "2026-11-20"}, 1),
        ({"first_day": "2026-11-20", "last_day": "2026-11-21"}, 4),
        ({"label": "swarm", "feeds": "arrays users", "last_day": "2026-11-21"}, 1),
        ({"nonsense": "yes"}, 4),
    ],
)
def test_reports_are_filtered(admin_client: Client, query: dict[str, str], reports: int) -> None:
    """Reports are filtered by label, day, client, and the exact set of feeds."""
    alice, bob = connect("alice"), connect("bob", feeds="users arrays")
    report(alice, 1)
    report(alice, 2, received_at=NOW - timedelta(days=1))
    report(alice, 3, label="swarm")
    report(bob, 1, label="swarm")
    assert answer(admin_client, **query).reports == reports


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"first_day": "yesterday"}, "Enter a valid date."),
        ({"first_day": "2026-11-21", "last_day": "2026-11-20"}, "before the first day, 2026-11-21"),
        ({"feeds": "No Feed!"}, "This is not a feed name: "),
        ({"label": "x" * 65}, "This is not a label: 1 to 64 "),
    ],
)
def test_wrong_parameters_are_refused(
    admin_client: Client, admin_user: User, query: dict[str, str], sentence: str
) -> None:
    """A wrong query is answered with a sentence and without figures."""
    response = look(admin_client, **query)
    assert response.context["answer"] is None
    assert sentence in response.content.decode()
    refused = admin_client.get(reverse(CSV), query)
    assert refused.status_code == 400
    assert sentence in refused.content.decode()


def test_charts_match_the_tables(admin_client: Client) -> None:
    """The page draws five charts of the figures in its tables, on numeric axes."""
    alice, bob = connect("alice"), connect("bob", block_size=300)
    for number in range(1, POINT_BLOCKS + 1):
        late = measured(4.25, clients=7, latency=0.0125)
        report(alice, number, **late, label="swarm <one>")
        report(bob, number, **measured(5.0, clients=8))
    response = look(admin_client)
    page = response.content.decode()
    charts = response.context["charts"]
    assert [chart.title for chart in charts] == [
        "Block time against block size",
        "Overhead against block size",
        "Latency against block size",
        "Overhead against clients",
        "Latency against clients",
    ]
    (line,) = json.loads(charts[0].data)["datasets"]
    assert line["data"] == [{"x": 3, "y": 4.25}, {"x": 300, "y": 5.0}]
    scales = [json.loads(chart.options)["scales"]["x"]["type"] for chart in charts]
    assert scales == ["logarithmic"] * 3 + ["linear"] * 2
    first, second = json.loads(charts[3].data)["datasets"]
    assert (first["label"], first["data"]) == (
        "users 1/s, blocks of 3",
        [{"x": 7.0, "y": 3750.0}],
    )
    assert first["borderColor"] != second["borderColor"]
    for shown in ("4.250", "3,750.00", "12.50", "25.00", "37.50"):
        assert f"<td>{shown}</td>" in page
    assert f"{2 * POINT_BLOCKS} reports." in page
    assert "swarm &lt;one&gt;" in page


def test_number_of_reports_has_separators(admin_client: Client) -> None:
    """The number of reports is written as in the tables."""
    session = connect("alice")
    some = {"session": session, "seconds": 4.002, "clients": 1, "received_at": NOW}
    BlockReport.objects.bulk_create(BlockReport(number=number, **some) for number in range(1000))
    assert "1,000 reports." in look(admin_client).content.decode()


def test_page_without_reports_says_so(admin_client: Client) -> None:
    """A page without reports says that; one with plain reports only has a table and no chart."""
    assert "There is nothing to analyse" in look(admin_client).content.decode()
    report(connect("alice"), 1, size=None, ranges={}, plain=True)
    response = look(admin_client)
    assert "Shown separately: 1 of plain clients." in response.content.decode()
    assert response.context["charts"] == []


def test_analysed_reports_are_bounded(
    admin_client: Client, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page reads only the newest reports and says so; the CSV contains the same ones."""
    monkeypatch.setattr("feeds.admin.figures.analysis.MOST_REPORTS", 3)
    session = connect("alice")
    for number in range(1, 5):
        report(session, number, received_at=NOW + timedelta(seconds=number), **measured(number))
    response = look(admin_client)
    assert "The newest 3 reports" in response.content.decode()
    assert response.context["answer"].by_size[0].figures.seconds.mean == 3.0
    assert [row["number"] for row in download(admin_user)[1]] == ["4", "3", "2"]
    BlockReport.objects.filter(number=4).delete()
    assert not answer(admin_client).is_capped


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The groups with the most reports are kept in their order, and the others are counted."""
    monkeypatch.setattr("feeds.admin.figures.analysis.MOST_GROUPS", 2)
    for size, reports in ((1, 2), (2, 1), (3, 3)):
        session = connect(f"client-{size}", block_size=size)
        for number in range(reports):
            report(session, number, **measured(1.0))
    found = analyse(BlockReport.objects.all())
    assert [group.block_size for group in found.by_clients] == [1, 3]
    assert found.more == 1


def test_lines_of_a_chart_are_bounded(admin_client: Client) -> None:
    """The block sizes with the most reports are drawn; the chart counts the others."""
    for size in range(1, MOST_LINES + 2):
        session = connect(f"client-{size}", block_size=size)
        for number in range(POINT_BLOCKS + (size != 2)):
            report(session, number, **measured(1.0))
    chart = look(admin_client).context["charts"][3]
    lines = json.loads(chart.data)["datasets"]
    assert [line["label"] for line in lines] == [
        f"users 1/s, blocks of {size}" for size in range(1, MOST_LINES + 2) if size != 2
    ]
    assert len({line["borderColor"] for line in lines}) == len(lines)
    assert chart.about.endswith("The table has 1 more line.")


def test_small_groups_are_in_the_table_only(admin_client: Client) -> None:
    """One odd block among few would dominate a chart; it counts the small groups left out."""
    alice = connect("alice")
    for number in range(1, POINT_BLOCKS + 1):
        report(alice, number, **measured(0.75, clients=1))
    for number in range(1, POINT_BLOCKS):
        report(alice, 100 + number, **measured(1.5, clients=5))
    report(alice, 200, **measured(9.0, clients=50))
    response = look(admin_client)
    chart = response.context["charts"][3]
    (line,) = json.loads(chart.data)["datasets"]
    assert line["data"] == [{"x": 1.0, "y": 250.0}]
    assert chart.about.endswith(" Only in the table: 2 groups of fewer than 20 blocks.")
    assert "<td>9.000</td>" in response.content.decode()


def test_choices_are_bounded(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest sessions and the first labels are offered as choices."""
    monkeypatch.setattr("feeds.admin.forms.MOST_OFFERING", 4)
    monkeypatch.setattr("feeds.admin.forms.MOST_OFFERED", 3)
    for number in range(6):
        report(connect(f"client-{number}"), 1, label=f"label-{number}")
    fields = look(admin_client).context["form"].fields
    clients = [value for value, _ in fields["client"].choices]
    assert clients == ["", "client-3", "client-4", "client-5"]
    labels = [value for value, _ in fields["label"].choices]
    assert labels == ["", "label-0", "label-1", "label-2"]
    assert answer(admin_client, client="client-0", label="label-0").reports == 1


def test_label_is_found_by_its_index() -> None:
    """Reports with a label are found by an index, even among a million."""
    wanted = labelled(BlockReport.objects.all(), "swarm").order_by("-received_at", "-id")
    assert "report_label" in wanted[:3].explain()


def test_queries_do_not_grow_with_the_reports(admin_client: Client) -> None:
    """Two hundred reports cost as many queries as one, and the read is bounded."""

    def cost() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            look(admin_client, feeds="users")
        return [query["sql"] for query in captured.captured_queries]

    report(connect("alice"), 1)
    few = cost()
    for number in range(200):
        report(connect(f"client-{number}"), number)
    many = cost()
    assert len(many) == len(few) <= 7
    assert sum("LIMIT 20001" in sql for sql in many) == 1


def test_csv_has_every_column(admin_user: User) -> None:
    """The CSV has every column of a report, and no session key."""
    session = connect("alice", feeds="users arrays")
    report(session, 7, **measured(4.25, clients=7, latency=0.0125), label="swarm")
    response, rows = download(admin_user)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="block-reports.csv"'
    (row,) = rows
    assert (row["client"], row["feeds"], row["label"]) == ("alice", "users arrays", "swarm")
    assert (row["number"], row["seconds"], row["clients"]) == ("7", "4.25", "7")
    assert (row["latency_p50"], row["latency_p99"]) == ("0.0125", "0.025")
    assert (row["ideal"], row["rates"], row["plain"]) == ("0.5", '{"users": 1.0}', "False")
    assert session.key[:12] not in str(row)


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
def test_csv_contains_no_formula(admin_user: User, label: str) -> None:
    """A label that looks like a formula is text to a spreadsheet."""
    report(connect("alice"), 1, label=label, **measured(1.0, latency=-0.5))
    (row,) = download(admin_user)[1]
    assert row["label"] == f"'{label}"
    assert row["latency_p50"] == "-0.5"


@pytest.mark.parametrize("address", [PAGE, CSV])
def test_analysis_needs_the_permission_to_view_reports(client: Client, address: str) -> None:
    """Users who may view reports may analyse them; others may not, and visitors must sign in."""
    path = reverse(address)
    assert client.get(path).status_code == 302
    user = User.objects.create_user("staff", is_staff=True)
    client.force_login(user)
    assert client.get(path).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_blockreport"))
    if address == PAGE:
        assert client.get(path).status_code == 200
    else:
        assert download(user)[0].status_code == 200


def test_sidebar_links_the_analysis(admin_client: Client) -> None:
    """The sidebar links the page, and marks only this page while it is shown."""
    response = look(admin_client)
    items = [item for group in response.context["sidebar_navigation"] for item in group["items"]]
    assert [item["title"] for item in items if item["active"]] == ["Analysis"]
    assert reverse(PAGE) in {item["link"] for item in items}
