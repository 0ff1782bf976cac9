"""The pace and block times of the newest reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds.models import BlockReport, ClientSession
from feeds.pages import pace as module
from feeds.pages.pace import ENOUGH_FOR_P90, ENOUGH_FOR_P99, MOST_ROWS, pace, times
from feeds.show import UNKNOWN, fixed
from feeds.show import seconds as shown_seconds

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


def report(session: ClientSession, number: int, ago: float = 1.0, **values: Any) -> None:
    """Store a verified report that arrived *ago* seconds before NOW."""
    fields = {
        "size": 3,
        "seconds": 2.0,
        "ideal": 1.75,
        "rates": {"users": 1.0},
        "verdict": "verified",
        "latency_p50": 0.001,
        "latency_p99": 0.002,
        "latency_max": 0.003,
        "clock_offset": 0.0,
    }
    BlockReport.objects.create(
        session=session,
        number=number,
        text="Client alice received a block",
        clients=1,
        received_at=NOW - timedelta(seconds=ago),
        **fields | values,
    )


def test_pace_covers_the_last_minute(session: ClientSession) -> None:
    """Reports of the last minute count; older ones and unknown sizes do not."""
    for number, ago in enumerate([1, 30, 59, 61, 3600], 1):
        report(session, number, ago)
    report(session, 6, size=None, latency_p50=None, latency_p99=None)
    assert pace(NOW).blocks == pytest.approx(4)
    assert pace(NOW).messages == pytest.approx(9 / 60)


def test_pace_of_many_reports_uses_the_newest(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If more reports arrived than are counted, only the newest ones set the pace."""
    monkeypatch.setattr(module, "MOST_COUNTED", 10)
    for number in range(20):
        report(session, number + 1, ago=number + 1)
    assert pace(NOW).blocks == pytest.approx(60)


def test_no_report_has_no_pace() -> None:
    """Without a report there is no pace, no row and no latency, and nothing fails."""
    assert (pace(NOW).blocks, pace(NOW).messages) == (0, 0)
    assert times().sizes == []
    assert times().latency == "none"


def test_block_time_by_feeds_rate_and_size(session: ClientSession) -> None:
    """Each group is a row with its median, ideal, overhead and number of blocks."""
    for number, seconds in enumerate([1.0, 2.0, 3.0, 4.0], 1):
        report(session, number, size=5, seconds=seconds, ideal=seconds - number / 64)
    report(session, 5, size=2, seconds=0.5, ideal=0.5)
    small, large = times().sizes
    assert (small.rates, small.size, small.blocks) == ("users 1/s", "2", "1")
    assert (small.p50, small.ideal, small.overhead) == ("500.0 ms", "500.0 ms", "0.0 ms")
    assert (large.rates, large.size, large.blocks) == ("users 1/s", "5", "4")
    assert (large.p50, large.ideal) == ("2.00 s", "1.97 s")
    assert (large.overhead, large.overhead_p90) == ("31.2 ms", UNKNOWN)
    assert (small.bar, large.bar, large.rest) == ("12.5", "50.0", "100.0")


def test_rates_and_feeds_are_not_mixed(session: ClientSession) -> None:
    """Blocks of one size are in one row per rate and set of feeds."""
    report(session, 1, seconds=2.0, ideal=2.0)
    report(session, 2, seconds=0.4, ideal=0.4, rates={"users": 5.0})
    session.feeds = "users arrays"
    session.pk = None
    session.key = "b" * 20
    session.save()
    report(session, 1, seconds=1.5, ideal=1.5, rates={"users": 1.0, "arrays": 2.0})
    assert [(row.rates, row.p50) for row in times().sizes] == [
        ("arrays 2/s + users 1/s", "1.50 s"),
        ("users 1/s", "2.00 s"),
        ("users 5/s", "400.0 ms"),
    ]


def test_interrupted_and_broken_blocks_are_in_no_figure(session: ClientSession) -> None:
    """A restart or a broken block changes no figure, and both are counted separately."""
    report(session, 1)
    before = times()
    report(session, 2, seconds=0.0001, interrupted=True, latency_p50=8.0, latency_p99=15.0)
    report(session, 3, seconds=9.0, verdict="broken", ideal=None)
    after = times()
    (row,), (old,) = after.sizes, before.sizes
    assert (row.p50, row.overhead, row.blocks) == (old.p50, old.overhead, "1")
    assert (row.left_out, after.latency) == ("2", before.latency)
    assert after.left_out == "Left out: 1 broken, 1 around a reconnect or catch-up."
    assert after.latency_note == "1 block, too few for a p99 yet; 2 left out"


def test_plain_clients_are_a_separate_row(session: ClientSession) -> None:
    """The block time of plain clients is the reported one, without ideal and overhead."""
    report(session, 1)
    plain: dict[str, Any] = {"plain": True, "verdict": "unverifiable", "ideal": None, "rates": {}}
    report(session, 2, seconds=3.0, clock_offset=None, **plain)
    checked, own = times().sizes
    assert (checked.rates, checked.blocks) == ("users 1/s", "1")
    assert (own.rates, own.p50, own.blocks) == ("users, plain clients", "3.00 s", "1")
    assert own.ideal == own.overhead == UNKNOWN
    assert (own.left_out, times().left_out) == ("0", "Shown separately: 1 of plain clients.")
    assert times().latency_note == "1 block, too few for a p99 yet"


def test_no_figure_is_a_negative_zero() -> None:
    """An overhead that rounds to zero has no sign; a truly negative one keeps it."""
    assert [shown_seconds(value) for value in (-0.00004, -0.0, -0.0002, -1.5)] == [
        "0.0 ms",
        "0.0 ms",
        "-0.2 ms",
        "-1.50 s",
    ]
    assert fixed(-0.00001, 2) == "0.00"


def test_latencies_by_the_clients_own_clock_are_left_out(session: ClientSession) -> None:
    """Latencies by a clock that is five minutes fast are left out, and a sentence says so."""
    report(session, 1, clock_offset=None, latency_p50=-300.0, latency_p99=300.0)
    note = "no verified block with a known server clock yet"
    assert (times().latency, times().latency_note) == ("none", note)
    assert times().latency_seconds is None
    report(session, 2)
    report(session, 3)
    assert (times().latency, times().latency_seconds) == ("1.0 ms", 0.001)
    assert times().latency_note == "2 blocks, too few for a p99 yet; 1 left out"
    assert times().sizes[0].blocks == "3"


def test_bars_are_empty_without_block_times(session: ClientSession) -> None:
    """If every block time is zero, the bars are empty."""
    report(session, 1, size=1, seconds=0.0, ideal=0.0)
    (row,) = times().sizes
    assert (row.p50, row.bar, row.rest) == ("0.0 ms", "0.0", "0.0")


def test_groups_with_the_fewest_reports_are_left_out(session: ClientSession) -> None:
    """The block sizes with the most reports are shown, in order of size."""
    number = 0
    for size in range(1, MOST_ROWS + 3):
        for _ in range(1 if size in {2, 4} else 2):
            number += 1
            report(session, number, size=size)
    shown = [int(row.size) for row in times().sizes]
    assert shown == [1, 3, *range(5, MOST_ROWS + 3)]


def test_look_is_bounded(session: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest reports are read, with one query."""
    monkeypatch.setattr(module, "MOST_TIMED", 3)
    for number in range(1, 6):
        report(session, number, ago=number, latency_p50=number / 1000)
    with CaptureQueriesContext(connection) as queries:
        found = times()
    assert len(queries) == 1
    assert (found.latency, found.sizes[0].blocks) == ("2.0 ms", "3")
    assert found.latency_note == "3 blocks, too few for a p99 yet"


def test_percentiles_need_enough_blocks(session: ClientSession) -> None:
    """The page shows no p90 or p99 that would be a single slow block after a start."""
    report(session, 1, latency_p50=2.0, latency_p99=15.0)
    for number in range(2, ENOUGH_FOR_P90):
        report(session, number)
    assert times().sizes[0].overhead_p90 == UNKNOWN
    for number in range(ENOUGH_FOR_P90, ENOUGH_FOR_P99):
        report(session, number)
    assert times().sizes[0].overhead_p90 == "250.0 ms"
    assert times().latency_note == "99 blocks, too few for a p99 yet"
    report(session, ENOUGH_FOR_P99)
    assert times().latency_note == "p99 2.0 ms, 100 blocks"
