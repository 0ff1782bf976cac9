"""
What a swarm is expected to come to, such as ``latency_p99<50ms``.

A word for a measure, a comparison, and a number with its unit.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

MEASURES = {
    "reach": "received of expected messages, from 0 to 1",
    "latency_p50": "the median latency, in seconds",
    "latency_p90": "the 90th percentile of latency, in seconds",
    "latency_p99": "the 99th percentile of latency, in seconds",
    "latency_p99_9": "the 99.9th percentile of latency, in seconds",
    "latency_max": "the largest latency, in seconds",
    "connected": "the members that were connected at all, from 0 to 1",
    "gaps": "offsets that did not come",
    "duplicates": "messages that came again",
    "reconnects": "connections beyond the first of each stay",
    "blocks": "blocks that were completed",
    "verified": "verified of judged blocks, from 0 to 1",
    "broken": "blocks that were found broken",
    "unacknowledged": "reports that were not acknowledged in the end",
}
"""What may be expected something of."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_UNITS = {"": "1", "s": "1", "ms": "0.001", "us": "0.000001", "%": "0.01"}
_FORM = re.compile(r"\s*(\w+)\s*(==|<=|>=|<|>)\s*([0-9]+(?:\.[0-9]+)?)\s*(s|ms|us|%|)\s*")
RULE = (
    f"MEASURE, one of == <= >= < >, and a number, with s, ms, us or % behind it; measures are "
    f"{', '.join(MEASURES)}"
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that is expected of a swarm."""

    text: str
    """As it was written."""
    measure: str
    comparison: str
    value: float
    """In the measure's own unit: seconds, a share or a number."""
    unit: str
    """Of the threshold as it was written: ``ms``, ``%``; empty: the measure's own."""

    def failure(self, measured: Mapping[str, float]) -> str | None:
        """
        Return a sentence where *measured* does not come up to it, else None.

        What was not measured comes up to nothing.
        """
        found = measured.get(self.measure)
        if found is None:
            return f"{self.text} was expected, and {self.measure} was not measured"
        if _COMPARISONS[self.comparison](found, self.value):
            return None
        return f"{self.text} was expected, and {self.measure} is {self._in_unit(found)}"

    def _in_unit(self, found: float) -> str:
        """Return *found* in the unit in which the threshold was written."""
        return f"{found / float(_UNITS[self.unit]):.6g}{self.unit}"


def parse_expectation(text: str) -> Expectation:
    """Read what is expected; raises ValueError with the rule."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] not in MEASURES:
        raise ValueError(f"{text[:80]!r} is not allowed: {RULE}")
    measure, comparison, number, unit = match.groups()
    value = float(Decimal(number) * Decimal(_UNITS[unit]))
    return Expectation(text.strip(), measure, comparison, value, unit)
