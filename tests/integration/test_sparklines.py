"""The last ten minutes of feeds and figures, as lines."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from feeds import show
from feeds.models import Feed, Sample
from feeds.pages.sparklines import POINTS, STEP_SECONDS, draw, sparklines
from tests.integration.test_page import run_feed

pytestmark = pytest.mark.django_db


def sample(server: str, ago: float, **values: float) -> None:
    """Store a sample of *server* for the ten seconds that ended *ago* seconds before now."""
    fields = {"sessions": 3, "messages": 10, "worst_lag": 0, "blocks": 5, "verified": 5}
    at = datetime.now(UTC) - timedelta(seconds=ago)
    Sample.objects.create(server=server, at=at, seconds=10.0, broken=0, **fields | values)


def test_lines_start_at_zero_and_have_holes() -> None:
    """The maximum is at the top, 0 at the bottom, and unknown values are holes."""
    line = draw("connected", [0.0, 4.0, None, 2.0], lambda value: f"{value:g}")
    assert line.path == "M0 22h1L33.3 2M100 12h1"
    assert line.said == "Last 10 minutes: lowest 0, highest 4, last 2"


def test_unknown_history_is_said_in_words() -> None:
    """If no feed ran and there is no sample, there is a sentence instead of a line."""
    for line in sparklines().tiles:
        if line.name != "rate":
            assert (line.path, line.said) == ("", "No data for the last 10 minutes")


def test_feeds_are_drawn_from_their_schedules() -> None:
    """A feed that started 100 s ago at one message a second has a flat line since then."""
    run_feed("arrays", promised=10**6)
    feeds = {line.name: line for line in sparklines().feeds}
    assert feeds["arrays"].said.startswith("Last 10 minutes: lowest 0/s, highest 1/s, last 1/s")
    assert feeds["users"].said.endswith("lowest 0/s, highest 0/s, last 0/s")


def test_stopped_feed_drops_to_zero() -> None:
    """Only promised messages are drawn: a feed that ended 40 s ago is at 0 now."""
    run_feed("arrays", promised=50)
    Feed.objects.update(promised_us=0)
    (arrays, _) = sparklines().feeds
    assert arrays.said == "Last 10 minutes: lowest 0/s, highest 1/s, last 0/s"


def test_servers_are_added_up() -> None:
    """Sessions and pace of two servers are added; latency is the median of all."""
    for ago in range(25, 125, 10):
        sample("a", ago, latency_p50=0.002)
        sample("b", ago, latency_p50=0.002, verified=4)
    tiles = {line.name: line.said for line in sparklines().tiles}
    assert tiles["connected"].endswith("last 6 connected")
    assert tiles["pace"].endswith("last 60 blocks a minute")
    assert tiles["latency"].endswith(f"last {show.seconds(0.002)}")
    assert tiles["share"].endswith("last 90.0%")


def test_drawing_is_named_by_its_end() -> None:
    """A drawing ends with a whole step, so that its last point is complete."""
    now = time.time()
    drawn = int(sparklines().drawn)
    assert drawn % STEP_SECONDS == 0
    assert now - STEP_SECONDS < drawn <= time.time()
    assert POINTS * STEP_SECONDS == 600
