"""Digests of the recent past."""

import pytest

from clientapp.wire.digest import digest_of
from feeds.core.prefixes import Prefixes

LINES = [b"line %d" % offset for offset in range(1, 101)]


def test_digest_of_a_range_is_that_of_its_lines() -> None:
    """Any range within the recorded lines has the digest of its lines."""
    known = Prefixes(0, 1000)
    known.extend(LINES[:60])
    known.extend(LINES[60:])
    assert known.head == 100
    for first, last in ((1, 100), (1, 1), (100, 100), (60, 61), (42, 77)):
        assert known.between(first, last) == digest_of(LINES[first - 1 : last])
    assert known.between(5, 4) == 0


@pytest.mark.parametrize(("first", "last"), [(1, 5), (50, 60), (90, 101), (102, 103)])
def test_unrecorded_range_is_unknown(first: int, last: int) -> None:
    """A range that starts before the first line or ends after the head is unknown."""
    known = Prefixes(50, 1000)
    known.extend(LINES[50:])
    assert known.between(first, last) is None


def test_only_the_recent_past_is_kept() -> None:
    """At least the requested number of offsets is known, and at most twice as many."""
    known = Prefixes(0, 10)
    for line in LINES:
        known.extend([line])
        head = known.head
        first = max(1, head - 9)
        assert known.between(first, head) == digest_of(LINES[first - 1 : head])
        assert head <= 20 or known.between(head - 20, head) is None


def test_restart_forgets_the_past() -> None:
    """After a restart beyond a hole, only new lines are known."""
    known = Prefixes(0, 10)
    known.extend(LINES[:5])
    known.restart(50)
    known.extend(LINES[50:52])
    assert known.between(1, 5) is None
    assert known.between(51, 52) == digest_of(LINES[50:52])
