"""The answer to a scrape."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from feeds.metrics.folder import Snapshots
from feeds.metrics.names import METRICS
from feeds.metrics.page import merged, page

SNAPSHOTS = Snapshots(
    running=[
        {
            "blockfeed_sessions": {"": 3},
            "blockfeed_messages_sent_total": {"users": 10, "arrays": 1},
            "blockfeed_worst_lag_messages": {"": 7},
            "blockfeed_feed_running": {"users": 1},
        },
        {
            "blockfeed_sessions": {"": 4},
            "blockfeed_messages_sent_total": {"users": 20},
            "blockfeed_worst_lag_messages": {"": 2},
            "blockfeed_feed_running": {"users": 0},
        },
    ],
    ended={"blockfeed_messages_sent_total": {"users": 100, 'a"b\\c\n': 1}},
)


def test_each_metric_is_merged_in_its_way() -> None:
    """Counters and sizes are summed; the largest lag and the worst state count."""
    found = merged(SNAPSHOTS)
    assert found.keys() == {metric.name for metric in METRICS}
    assert found["blockfeed_sessions"] == {"": 7}
    assert found["blockfeed_messages_sent_total"] == {"users": 130, "arrays": 1, 'a"b\\c\n': 1}
    assert found["blockfeed_worst_lag_messages"] == {"": 7}
    assert found["blockfeed_feed_running"] == {"users": 0}
    assert found["blockfeed_texts_total"] == {}


def test_page_can_be_read_again() -> None:
    """A parser of Prometheus' format finds every value, with labels of any characters."""
    body, content_type = page(SNAPSHOTS, "")
    assert content_type.startswith("text/plain; version=")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert samples["blockfeed_messages_sent_total", 'a"b\\c\n'] == 1
    assert samples["blockfeed_sessions",] == 7


def test_open_metrics_are_sent_on_request() -> None:
    """Prometheus itself asks for OpenMetrics, which ends with a mark."""
    body, content_type = page(SNAPSHOTS, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
