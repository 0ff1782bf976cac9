"""The answer to a scrape: the values of all processes as one, in Prometheus' formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from feeds.metrics.folder import Snapshots, add_up
from feeds.metrics.names import METRICS, Values

MERGES: dict[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}
FAMILIES: dict[str, type[CounterMetricFamily | GaugeMetricFamily]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
}


def page(snapshots: Snapshots, accept: str) -> tuple[bytes, str]:
    """Return the body and its content type, for a request with the header *accept*."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Merged(merged(snapshots)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def merged(snapshots: Snapshots) -> Values:
    """Return one value for each metric and label that any process has."""
    found: Values = {}
    counted = add_up([snapshots.ended, *snapshots.running])
    for metric in METRICS:
        if metric.kind == "counter":
            found[metric.name] = counted.get(metric.name, {})
            continue
        merge = MERGES[metric.merge]
        each = [one.get(metric.name, {}) for one in snapshots.running]
        labels = dict.fromkeys(label for one in each for label in one)
        found[metric.name] = {
            label: merge(one[label] for one in each if label in one) for label in labels
        }
    return found


class _Merged(Collector):
    """The collector of values that are merged already."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def collect(self) -> Iterable[Metric]:
        """Return a family for each metric that has a value."""
        for metric in METRICS:
            labels = [metric.label] if metric.label else []
            family = FAMILIES[metric.kind](metric.name, metric.about, labels=labels)
            for label, value in sorted(self._values[metric.name].items()):
                family.add_metric([label] if labels else [], value)
            if family.samples:
                yield family
