"""Expectations of a swarm, and the conditions under which they hold."""

import pytest

from clientapp.lab.swarm.expectation import RULE, parse_expectation

MEASURED = {"reach": 0.999, "latency_p99": 0.042, "broken": 0.0, "verified": 1.0}


@pytest.mark.parametrize(
    "text",
    [
        "reach>=0.999",
        "reach >= 99.9%",
        "latency_p99<50ms",
        "latency_p99<=0.042",
        "latency_p99>41000us",
        "latency_p99<1s",
        " broken==0 ",
        "verified==100%",
    ],
)
def test_expectation_holds(text: str) -> None:
    """A share may be given in percent, and a time in s, ms or us."""
    assert parse_expectation(text).failure(MEASURED) is None


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("reach==1", "reach==1 was expected, but reach is 0.999"),
        ("latency_p99<40ms", "latency_p99<40ms was expected, but latency_p99 is 42ms"),
        ("latency_p99<40000us", "latency_p99<40000us was expected, but latency_p99 is 42000us"),
        ("latency_p99<0.04", "latency_p99<0.04 was expected, but latency_p99 is 0.042"),
        ("reach>=99.95%", "reach>=99.95% was expected, but reach is 99.9%"),
        ("broken>0", "broken>0 was expected, but broken is 0"),
        ("latency_p50<1s", "latency_p50<1s was expected, but latency_p50 was not measured"),
    ],
)
def test_failed_expectation_is_explained(text: str, failure: str) -> None:
    """The sentence gives the expected and the measured value in the same unit."""
    assert parse_expectation(text).failure(MEASURED) == failure


@pytest.mark.parametrize(
    "text",
    ["", "reach", "reach=1", "reach==", "beauty==1", "reach==-1", "reach==1kg", "reach==1==1"],
)
def test_invalid_expectation_is_refused(text: str) -> None:
    """An expectation that cannot be parsed is refused with the rule."""
    with pytest.raises(ValueError, match="is not allowed: a measure, an operator") as refused:
        parse_expectation(text)
    assert str(refused.value) == f"{text!r} is not allowed: {RULE}"
