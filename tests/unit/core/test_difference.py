"""The difference between a broken block and the messages that were sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.core.difference import SPANS_KEPT, Difference, compare, describe

EXPECTED = [105, 106, 107, 108, 109]
"""The checksums of offsets 5 to 9."""


def pairs(*offsets: int) -> list[tuple[int, int]]:
    """Return pairs of offset and checksum as received without errors."""
    return [(offset, offset + 100) for offset in offsets]


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (pairs(5, 6, 7, 8, 9), Difference()),
        (pairs(5, 6, 8, 9), Difference(missing=((7, 7),))),
        (pairs(7), Difference(missing=((5, 6), (8, 9)))),
        ([], Difference(missing=((5, 9),))),
        (pairs(5, 6, 6, 7, 8, 9), Difference(doubled=((6, 6),))),
        (pairs(5, 7, 6, 8, 9), Difference(out_of_order=((6, 6),))),
        (pairs(5, 8, 9, 6, 7), Difference(out_of_order=((6, 7),))),
        ([*pairs(5, 6), (7, 1), *pairs(8, 9)], Difference(altered=((7, 7),), checksums=((7, 1),))),
        (pairs(5, 6, 6, 8, 9), Difference(missing=((7, 7),), doubled=((6, 6),))),
        (pairs(4, 5, 6, 7, 8, 9, 10), Difference(strange=((4, 4), (10, 10)))),
    ],
)
def test_each_kind_has_its_name(received: list[tuple[int, int]], expected: Difference) -> None:
    """Missing, duplicated, misplaced, altered and foreign messages are distinguished."""
    found = compare(5, EXPECTED, received)
    assert {kind: tuple(spans) for kind, spans in found.kinds.items()} == expected.kinds


def test_difference_becomes_a_sentence() -> None:
    """The sentence names feeds, offsets and kinds; it omits feeds without a difference."""
    found = {
        "users": Difference(missing=((7, 7), (9, 12)), doubled=((5, 5),)),
        "arrays": Difference(),
    }
    assert describe(found) == "users: 7 and 9 to 12 missing, 5 duplicated"
    whole = "the messages that the client lists are correct; its digest is wrong"
    assert describe({"users": Difference()}) == whole


def test_long_difference_is_cut() -> None:
    """A long difference is neither kept nor printed in full."""
    found = compare(1, list(range(1000)), [(one, one - 1) for one in range(1, 1000, 2)])
    assert len(found.missing) == SPANS_KEPT
    assert describe({"users": found}) == "users: 2 and 4 and 6 and 8 and 10 and 45 more missing"


@given(st.lists(st.integers(1, 8), unique=True))
def test_offset_is_missing_or_received(came: list[int]) -> None:
    """Each offset is either missing or received, never both."""
    found = compare(1, [0] * 8, [(offset, 0) for offset in came])
    missing = {one for first, last in found.missing for one in range(first, last + 1)}
    assert missing == set(range(1, 9)) - set(came)
