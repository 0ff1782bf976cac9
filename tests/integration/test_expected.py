"""The page of a report: expected records beside received ones, and links to its neighbours."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from feeds.admin.expected import MOST_EXPECTED, Expected, expected_of
from feeds.core.schedule import Schedule
from feeds.making.regeneration import lines_between, source_of
from feeds.making.segments import recipe_of, segment_of
from feeds.models import BlockReport, Feed, Segment
from tests.support.admin import connect, report, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def segment() -> Segment:
    """Store a segment of arrays that this server can regenerate."""
    feed = Feed.objects.get(name="arrays")
    return Segment.objects.create(
        feed=feed,
        epoch=source_of(recipe_of(feed)).epoch,
        kind=feed.kind,
        spec=feed.spec,
        seed=feed.seed,
        first=1,
        started_us=1_795_250_400_000_000,
        rate_milli=2000,
    )


def block(first: int, last: int, number: int = 1, **changes: Any) -> BlockReport:
    """Store a report of the offsets *first* to *last* of arrays."""
    session = connect("alice", feeds="arrays") if number == 1 else None
    session = session or BlockReport.objects.get(number=1).session
    part = {"epoch": "", "first": first, "last": last, "count": 1, "gaps": 0, "duplicates": 0}
    return report(session, number, ranges={"arrays": part}, **changes)


def arrived(expected: Expected) -> list[tuple[str, str, str]]:
    """Return the offset of each row, its fate and its state."""
    return [(row.offset, row.arrived, row.state) for row in expected.rows]


def test_broken_block_shows_each_difference(segment: Segment) -> None:
    """Wrong messages and their neighbours are shown, altered ones with their checksum."""
    difference = {
        "missing": [[7, 7]],
        "altered": [[9, 9]],
        "doubled": [[9, 9]],
        "checksums": [[9, 0xABC]],
    }
    found = expected_of(block(1, 20, verdict="broken", difference={"arrays": difference}))
    assert arrived(found) == [
        ("6", "as sent", "whole"),
        ("7", "missing", "broken"),
        ("8", "as sent", "whole"),
        ("9", "twice and altered, checksum 00000abc", "broken"),
        ("10", "as sent", "whole"),
    ]
    assert (found.more, found.notes) == (15, [])


def test_records_are_the_sent_ones(segment: Segment) -> None:
    """Record, checksum and time of a row are those of the line that was sent."""
    row = expected_of(block(3, 3, verdict="verified")).rows[0]
    (line,) = lines_between("arrays", Schedule([segment_of(segment)]), 3, 3)
    assert line.decode().endswith(f'"data":{row.record}}}')
    assert (row.due, row.arrived) == ("08:40:01.000", "as sent")


def test_unexplained_block_shows_its_first_messages(segment: Segment) -> None:
    """If the client did not explain a block, the page does not say what arrived."""
    found = expected_of(block(5, 5 + MOST_EXPECTED, verdict="broken"))
    assert {row.arrived for row in found.rows} == {"not told"}
    assert (len(found.rows), found.more) == (MOST_EXPECTED, 1)


def test_unavailable_records_are_explained(segment: Segment) -> None:
    """Feeds that were removed, or made by other libraries, are named with the reason."""
    broken = block(1, 3, verdict="broken")
    Segment.objects.update(epoch="0" * 12)
    (note,) = expected_of(broken).notes
    assert "the libraries installed here generate different messages" in note
    Feed.objects.filter(name="arrays").delete()
    (note,) = expected_of(broken).notes
    assert note == "The records of arrays cannot be shown: the feed was removed."


def test_page_shows_records_and_links_neighbours(segment: Segment, admin_client: Client) -> None:
    """A broken block is described in words, and links the blocks before and after it."""
    before = block(1, 3, verdict="verified", ideal=1.0, rates={"arrays": 2.0}, seconds=1.25)
    difference = {"arrays": {"missing": [[5, 5]]}}
    told = {"reason": "arrays: 5 missing", "difference": difference}
    broken = block(4, 6, 2, verdict="broken", interrupted=True, **told)
    after = block(7, 9, 3, verdict="unverifiable", reason="the report has no digest")
    page = unescape(shown(admin_client, broken))
    words = "broken: the client did not receive what was sent"
    assert f'<span class="judged" data-state="broken">{words}</span>' in page
    assert "arrays: 5 missing" in page
    assert "yes, so figures of time leave it out" in page
    assert '<tr data-state="broken"><td>arrays</td><td>5</td>' in page
    for words, other in (("previous: block 1, verified", before), ("next: block 3, unv", after)):
        address = reverse("admin:feeds_blockreport_change", args=(other.pk,))
        assert f'href="{address}">{words}' in page
    first = unescape(shown(admin_client, before))
    assert "arrays 2/s" in first
    assert "250.0 ms" in first
    assert "previous: " not in first


def test_records_of_a_lost_history_are_not_shown(segment: Segment) -> None:
    """The feed has other messages at these offsets now."""
    reason = "arrays 3 to 5: history was rolled back"
    found = expected_of(block(3, 5, verdict="unverifiable", reason=reason))
    note = "The records of arrays cannot be shown: their history was rolled back."
    assert found == Expected(rows=[], more=0, notes=[note])
