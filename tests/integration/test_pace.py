"""What the newest reports say of pace and block time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds import pace as module
from feeds.models import BlockReport, ClientSession
from feeds.pace import MOST_SIZES, pace, times

NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> ClientSession:
    """Store a session."""
    return ClientSession.objects.create(
        key="a" * 20,
        client="alice",
        feeds="users",
        block_size=3,
        created_at=NOW,
        connected_at=NOW,
        seen_at=NOW,
    )


def report(session: ClientSession, number: int, ago: float = 1.0, **values: float | None) -> None:
    """Store a report that came *ago* seconds before NOW."""
    measured = {"latency_p50": 0.001, "latency_p99": 0.002, "clock_offset": 0.0}
    fields = {"size": 3, "seconds": 2.0} | measured | values
    BlockReport.objects.create(
        session=session,
        number=number,
        text="Client alice received a block",
        clients=1,
        received_at=NOW - timedelta(seconds=ago),
        **fields,
    )


def test_pace_is_that_of_the_last_minute(session: ClientSession) -> None:
    """Reports of the last minute count, older ones do not; nor do sizes nobody told."""
    for number, ago in enumerate([1, 30, 59, 61, 3600], 1):
        report(session, number, ago)
    report(session, 6, size=None, latency_p50=None, latency_p99=None)
    assert pace(NOW).blocks == pytest.approx(4)
    assert pace(NOW).messages == pytest.approx(9 / 60)


def test_pace_of_more_than_are_counted(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more came than are counted, the pace is that of the newest ones."""
    monkeypatch.setattr(module, "MOST_COUNTED", 10)
    for number in range(20):
        report(session, number + 1, ago=number + 1)
    assert pace(NOW).blocks == pytest.approx(60)


def test_nothing_is_stored() -> None:
    """Without a report there is no pace, no row and no latency, and nothing fails."""
    assert (pace(NOW).blocks, pace(NOW).messages) == (0, 0)
    assert times().sizes == []
    assert times().latency == "none"


def test_block_time_by_size(session: ClientSession) -> None:
    """Each block size is a row of its median and p90, its bar on a common scale."""
    for number, seconds in enumerate([1.0, 2.0, 3.0, 4.0], 1):
        report(session, number, size=5, seconds=seconds)
    report(session, 5, size=2, seconds=0.5)
    small, large = times().sizes
    assert (small.size, small.p50, small.p90, small.blocks) == ("2", "500.0 ms", "500.0 ms", "1")
    assert (large.size, large.p50, large.p90, large.blocks) == ("5", "2.00 s", "4.00 s", "4")
    assert (small.bar, large.bar, large.rest) == ("12.5", "50.0", "100.0")


def test_latencies_by_a_clients_own_clock_are_left_out(session: ClientSession) -> None:
    """A clock that is five minutes fast changes no latency, and a sentence says what is missing."""
    report(session, 1, clock_offset=None, latency_p50=-300.0, latency_p99=300.0)
    assert (times().latency, times().latency_note) == ("none", "no block by the server's clock yet")
    report(session, 2)
    report(session, 3)
    assert (times().latency, times().latency_note) == ("1.0 ms", "p99 2.0 ms, 2 blocks")
    assert times().sizes[0].blocks == "3"


def test_blocks_of_one_take_no_time(session: ClientSession) -> None:
    """Where every block took no time at all, the bars are empty."""
    report(session, 1, size=1, seconds=0.0)
    (row,) = times().sizes
    assert (row.p50, row.bar, row.rest) == ("0.0 ms", "0.0", "0.0")


def test_block_sizes_with_the_fewest_reports_are_left_out(session: ClientSession) -> None:
    """Of many sizes those with the most reports are shown, in order of size."""
    number = 0
    for size in range(1, MOST_SIZES + 3):
        for _ in range(1 if size in {2, 4} else 2):
            number += 1
            report(session, number, size=size)
    shown = [int(row.size) for row in times().sizes]
    assert shown == [1, 3, *range(5, MOST_SIZES + 3)]


def test_a_look_reads_no_more_than_it_may(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the newest reports are read, and with one query."""
    monkeypatch.setattr(module, "MOST_TIMED", 3)
    for number in range(1, 6):
        report(session, number, ago=number, latency_p50=number / 1000)
    with CaptureQueriesContext(connection) as queries:
        found = times()
    assert len(queries) == 1
    assert (found.latency, found.sizes[0].blocks) == ("2.0 ms", "3")
    assert found.latency_note == "p99 2.0 ms, 3 blocks"
