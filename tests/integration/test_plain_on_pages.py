"""Blocks of plain clients on the pages: not checked, which is not a fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from feeds import show
from feeds.admin.rows import cells, with_lag
from feeds.models import BlockReport, ClientSession, Sample
from feeds.pages.cards import client_card
from tests.support.admin import NOW, connect, listed, report, shown

PLAIN: dict[str, Any] = {"plain": True, "verdict": "unverifiable", "ranges": {}}
ORANGE = "bg-orange-100"

pytestmark = pytest.mark.django_db


@pytest.fixture
def plain() -> BlockReport:
    """Store two sentences of a plain client; return the report of the first."""
    bob = connect("bob")
    first = report(bob, 1, number_said=18, **PLAIN)
    report(bob, 2, number_said=19, **PLAIN)
    ClientSession.objects.update(blocks=2, unverifiable=2, sentences=2)
    return first


def results(browser: Client) -> str:
    """Return the rows of the list of reports, without its filters."""
    page = browser.get(reverse("admin:feeds_blockreport_changelist")).content.decode()
    return page[page.index('id="result_list"') :]


def test_plain_report_is_neutral_and_not_orange(admin_client: Client, plain: BlockReport) -> None:
    """List and page say "not checked" neutrally; the filter finds the stored verdict."""
    page = results(admin_client)
    assert page.count(show.NOT_CHECKED) == 2
    assert ORANGE not in page
    assert f"{show.NOT_CHECKED}: its sentence does not say" in shown(admin_client, plain)
    assert len(listed(admin_client, "blockreport", verdict__exact="unverifiable")) == 2


def test_unverifiable_report_of_the_protocol_stays_orange(admin_client: Client) -> None:
    """Only plain reports are shown neutrally."""
    report(connect("alice"), 1, verdict="unverifiable")
    page = results(admin_client)
    assert ORANGE in page
    assert show.NOT_CHECKED not in page


def test_session_of_a_plain_client_is_not_checked(admin_client: Client, plain: BlockReport) -> None:
    """The session's page, row and card say why no block is verified."""
    page = shown(admin_client, plain.session)
    assert f"- {show.NOT_CHECKED}" in page
    assert ORANGE not in page
    row = with_lag(ClientSession.objects.all()).get()
    assert cells(row, NOW)["found"] == f"2 {show.NOT_CHECKED}"
    card = client_card(f"{plain.session.pk}", is_staff=True)
    assert card is not None
    assert ("Verdicts", f"2 {show.NOT_CHECKED}") in card.facts


def test_session_with_both_kinds_counts_them_separately() -> None:
    """A client of the protocol that also sends sentences keeps its verified blocks."""
    connect("alice")
    ClientSession.objects.update(blocks=6, verified=3, unverifiable=3, sentences=2)
    row = with_lag(ClientSession.objects.all()).get()
    assert cells(row, NOW)["found"] == f"3 verified, 1 unverifiable, 2 {show.NOT_CHECKED}"


@pytest.mark.parametrize(
    ("verified", "blocks", "plain", "words"),
    [
        (0, 0, 0, "none"),
        (0, 9, 9, show.UNKNOWN),
        (4, 9, 5, "100 %"),
        (2, 9, 5, "50.0 %"),
    ],
)
def test_verified_share_leaves_plain_blocks_out(
    verified: int, blocks: int, plain: int, words: str
) -> None:
    """Blocks that cannot be checked do not lower the verified share."""
    assert show.verified_share(verified, blocks, plain) == words


def test_dashboard_leaves_plain_blocks_out(admin_client: Client) -> None:
    """If all blocks are plain, the tile shows a dash and the reason."""
    at = datetime.now(UTC) - timedelta(seconds=1)
    figures = {"seconds": 10.0, "sessions": 1, "messages": 9, "worst_lag": 0}
    Sample.objects.create(server="one", at=at, blocks=3, verified=0, broken=0, plain=3, **figures)
    told = admin_client.get(reverse("dashboard")).json()
    tile = next(tile for tile in told["tiles"] if tile["name"] == "Verified")
    assert tile["value"] == show.UNKNOWN
    assert tile["note"] == f"no block in the last hour; 3 {show.NOT_CHECKED}"
