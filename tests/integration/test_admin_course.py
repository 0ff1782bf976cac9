"""The course of a session on its page: connections, gaps, and what blocks took."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from feeds.admin.course import MOST_BLOCKS, MOST_CONNECTIONS, bars, course_charts, losses
from feeds.models import Connection
from tests.support.admin import NOW, connect, report, shown

pytestmark = pytest.mark.django_db


def test_bars_are_connections_and_the_gaps_between_them() -> None:
    """Each bar is as long as its time, and says what it is."""
    session = connect("alice")
    times = ((0, 40), (60, None))
    rows = [
        Connection.objects.create(
            session=session,
            opened_at=NOW + timedelta(seconds=opened),
            seen_at=NOW,
            closed_at=None if closed is None else NOW + timedelta(seconds=closed),
            close_code=None if closed is None else 4001,
        )
        for opened, closed in times
    ]
    made = bars(rows, NOW + timedelta(seconds=100))
    assert [(bar.kind, bar.start, bar.width, bar.sentence) for bar in made] == [
        ("connected", 0, 400, "connected 40 s, closed with 4001"),
        ("away", 400, 200, "20 s not connected"),
        ("connected", 600, 400, "connected 40 s, still open"),
    ]


def test_blocks_with_missed_messages_are_marked(admin_client: Client) -> None:
    """Where messages were announced as missing, or lost unawares, the line of time says so."""
    session = connect("alice")
    Connection.objects.create(session=session, opened_at=NOW, seen_at=NOW)
    whole = {"epoch": "0123456789ab", "first": 41, "last": 43, "count": 3, "gaps": 0}
    lost = {"users": {"missing": [[41, 42], [44, 44]]}}
    times = [NOW + timedelta(seconds=second) for second in (10, 20, 30, 40)]
    for number, (gaps, difference) in enumerate([(0, None), (5, None), (0, lost)], 1):
        report(
            session,
            number,
            ranges={"users": {**whole, "gaps": gaps}},
            difference=difference,
            started_at=times[number - 1],
            finished_at=times[number],
        )
    made = losses(session, NOW, NOW + timedelta(seconds=100))
    assert [(bar.kind, bar.start, bar.width, bar.sentence) for bar in made] == [
        ("missed", 200, 100, "5 messages missed in block 2"),
        ("missed", 300, 100, "3 messages missed in block 3"),
    ]
    assert losses(session, NOW + timedelta(seconds=35), NOW) == []
    page = shown(admin_client, session)
    assert page.count("timeline-missed") == 2
    assert "1 connection, 0 times away, 2 blocks with missed messages" in page


def test_the_page_is_bounded(admin_client: Client) -> None:
    """However long a session was, its page draws the newest of it."""
    session = connect("alice")
    for number in range(1, MOST_BLOCKS + 6):
        report(session, number, latency_p50=0.001, latency_p99=0.002)
    for number in range(MOST_CONNECTIONS + 5):
        at = NOW + timedelta(seconds=number)
        Connection.objects.create(session=session, opened_at=at, seen_at=at, closed_at=at)
    page = shown(admin_client, session)
    assert page.count("timeline-connected") == MOST_CONNECTIONS
    assert page.count('class="chart"') == 2
    assert "&quot;6&quot;" in page
    assert "[&quot;5&quot;," not in page


def test_latencies_by_a_clients_own_clock_are_left_out() -> None:
    """A block of which no clock is known has a block time, and a hole for its latency."""
    session = connect("alice")
    report(session, 1, latency_p50=300.0, latency_p99=300.0)
    report(session, 2, latency_p50=0.001, latency_p99=0.002, clock_offset=-299.9)
    drawn = unescape(course_charts(session))
    assert '"label": "block time", "data": [4.002, 4.002]' in drawn
    assert '"label": "median", "data": [null, 1.0]' in drawn
    assert '"label": "p99", "data": [null, 2.0]' in drawn


def test_a_session_without_blocks(admin_client: Client) -> None:
    """Where there is nothing to draw, the page says so."""
    assert "No block yet." in shown(admin_client, connect("alice"))
