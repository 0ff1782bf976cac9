"""The closed list of metrics."""

from __future__ import annotations

import re

from feeds.metrics.names import BY_NAME, METRICS

UNITS = {"seconds", "bytes"}


def test_list_is_closed_and_long_enough() -> None:
    """There are at least thirty names, each once."""
    assert len(BY_NAME) == len(METRICS) >= 30


def test_names_follow_the_conventions_of_prometheus() -> None:
    """Names have the project's prefix; counters end in `_total`; base units are in the name."""
    for metric in METRICS:
        assert re.fullmatch(r"blockfeed_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        words = set(metric.name.removesuffix("_total").split("_"))
        assert words & UNITS == {metric.unit} & UNITS
        assert metric.about.endswith(".")
        assert metric.merge == "sum" or metric.kind == "gauge"
