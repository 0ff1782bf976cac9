"""The parsing of command-line options."""

import argparse

import pytest

from feeds.management.options import whole


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("365", 365)])
def test_whole_numbers_are_parsed(text: str, number: int) -> None:
    """Both ends of the range are allowed, and so are leading zeros."""
    assert whole(365)(text) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "+1", "1.0", "366", "1000", "1_0", "٣", "many"])
def test_other_values_are_refused(text: str) -> None:
    """The error names the value and what is allowed."""
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        whole(365, of="days")(text)
    allowed = "a whole number of days from 1 to 365"
    assert str(refused.value) == f"{text!r} is not allowed: {allowed}"


def test_highest_number_may_be_written_otherwise() -> None:
    """A power is easier to read than its digits; a long value is cut off."""
    parse = whole(2**63 - 1, least=0, written="2**63-1")
    assert (parse("0"), parse(str(2**63 - 1))) == (0, 2**63 - 1)
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        parse("9" * 5000)
    shown = "9" * 40
    assert str(refused.value) == f"'{shown}' is not allowed: a whole number from 0 to 2**63-1"
