"""The course of a session on its page: connections, gaps and block times."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from feeds.admin.figures.course import MOST_BLOCKS, MOST_CONNECTIONS, bars, course_charts, losses
from feeds.models import Connection
from tests.support.admin import NOW, connect, report, shown

pytestmark = pytest.mark.django_db


def test_bars_are_connections_and_the_times_between() -> None:
    """Each bar is as long as its time, and has a description."""
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
    """Announced gaps and unnoticed losses are marked on the timeline."""
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


def test_page_of_a_long_session_is_bounded(admin_client: Client) -> None:
    """The page of a session draws only its newest connections and blocks."""
    session = connect("alice")
    for number in range(1, MOST_BLOCKS + 6):
        report(session, number, latency_p50=0.001, latency_p99=0.002)
    for number in range(MOST_CONNECTIONS + 5):
        at = NOW + timedelta(seconds=number)
        Connection.objects.create(session=session, opened_at=at, seen_at=at, closed_at=at)
    page = shown(admin_client, session)
    assert page.count("timeline-connected") == MOST_CONNECTIONS
    assert page.count('class="chart"') == 2
    assert "{&quot;x&quot;: 6, &quot;y&quot;" in page
    assert "{&quot;x&quot;: 5, &quot;y&quot;" not in page


def test_left_out_values_are_holes() -> None:
    """A block that was caught up, or whose clock offset is unknown, has no latency."""
    session = connect("alice")
    known = {"verdict": "verified", "ideal": 4.0, "latency_max": 0.003, "clock_offset": 0.0}
    late = {"latency_p50": 300.0, "latency_p99": 300.0}
    report(session, 1, **known | late | {"clock_offset": None})
    report(session, 2, **known, latency_p50=0.001, latency_p99=0.002)
    report(session, 3, **known | late, interrupted=True)
    drawn = unescape(course_charts(session))
    for name, values in {
        "block time": (4.002, 4.002, 4.002),
        "ideal": (4.0, 4.0, 4.0),
        "median": (None, 1.0, None),
        "p99": (None, 2.0, None),
    }.items():
        points = [{"x": number, "y": value} for number, value in enumerate(values, 1)]
        assert f'"label": "{name}", "data": {json.dumps(points)}' in drawn
    assert "Left out: 1 around a reconnect or catch-up." in drawn


def test_session_without_blocks_says_so(admin_client: Client) -> None:
    """The page of a session without blocks says that there are none."""
    assert "No block yet." in shown(admin_client, connect("alice"))
