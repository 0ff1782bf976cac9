"""
An expectation of a swarm's outcome, for example ``latency_p99<50ms``.

It has the name of a measure, a comparison, and a number with its unit.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

MEASURES = {
    "reach": "the share of expected messages received, from 0 to 1",
    "latency_p50": "the median latency, in seconds",
    "latency_p90": "the 90th percentile of latency, in seconds",
    "latency_p99": "the 99th percentile of latency, in seconds",
    "latency_p99_9": "the 99.9th percentile of latency, in seconds",
    "latency_max": "the largest latency, in seconds",
    "connected": "the share of members that ever connected, from 0 to 1",
    "gaps": "offsets that did not arrive",
    "duplicates": "messages that arrived again",
    "reconnects": "connections after the first one of each arrival of a member",
    "blocks": "blocks that were completed",
    "verified": "the share of judged blocks that are verified, from 0 to 1",
    "broken": "blocks that the server found broken",
    "unacknowledged": "reports that were never acknowledged",
}
"""The measures that an expectation can be about, with their meaning."""

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
    "a measure, an operator (== <= >= < >) and a number, such as latency_p99<50ms; the number "
    "may have a unit, one of s, ms, us and %; measures are "
    f"{', '.join(MEASURES)}"
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation of a swarm."""

    text: str
    """As the user wrote it."""
    measure: str
    comparison: str
    value: float
    """In the measure's own unit: seconds, a share or a number."""
    unit: str
    """The unit that the user wrote, such as ``ms`` or ``%``; empty: the measure's own."""

    def failure(self, measured: Mapping[str, float]) -> str | None:
        """
        Return a sentence if *measured* does not meet the expectation, else None.

        A measure that is not in *measured* meets no expectation.
        """
        found = measured.get(self.measure)
        if found is None:
            return f"{self.text} was expected, but {self.measure} was not measured"
        if _COMPARISONS[self.comparison](found, self.value):
            return None
        return f"{self.text} was expected, but {self.measure} is {self._in_unit(found)}"

    def _in_unit(self, found: float) -> str:
        """Return *found* in the unit of the threshold."""
        return f"{found / float(_UNITS[self.unit]):.6g}{self.unit}"


def parse_expectation(text: str) -> Expectation:
    """Parse an expectation; raises ValueError with the rule."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] not in MEASURES:
        raise ValueError(f"{text[:80]!r} is not allowed: {RULE}")
    measure, comparison, number, unit = match.groups()
    value = float(Decimal(number) * Decimal(_UNITS[unit]))
    return Expectation(text.strip(), measure, comparison, value, unit)
