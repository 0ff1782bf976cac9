"""The verdict on a report."""

from dataclasses import replace

import pytest

from clientapp.wire.digest import format_digest
from clientapp.wire.report import FeedRange
from clientapp.wire.verdict import Verdict
from feeds.core.judgement import (
    Judgement,
    cannot_be_made,
    judge_by_count,
    judge_by_digest,
    of_all,
)

WHOLE = FeedRange(
    epoch="0123456789ab",
    first=5,
    last=7,
    count=3,
    digest=format_digest(99),
    gaps=0,
    duplicates=0,
)
VERIFIED = Judgement(Verdict.VERIFIED)
BROKEN = Judgement(Verdict.BROKEN, "users 5 to 7: the digest differs, cause unknown")


@pytest.mark.parametrize(
    ("count", "gaps", "expected"),
    [
        (2, 0, "broken: users 5 to 7: 1 of 3 did not arrive, cause unknown"),
        (1, 1, "broken: users 5 to 7: 1 of 3 did not arrive, cause unknown"),
        (4, 0, "broken: users 5 to 7: 1 too many arrived, cause unknown"),
        (2, 1, "unverifiable: users 5 to 7: 1 of 3 were announced as missing"),
        (0, 3, "unverifiable: users 5 to 7: 3 of 3 were announced as missing"),
    ],
)
def test_verdict_from_the_counts(count: int, gaps: int, expected: str) -> None:
    """Counts that do not add up make a block broken; announced gaps make it unverifiable."""
    found = judge_by_count("users", replace(WHOLE, count=count, gaps=gaps))
    assert found is not None
    assert f"{found.verdict}: {found.reason}" == expected


def test_complete_range_is_judged_by_its_digest() -> None:
    """Only a range whose counts add up is compared with the feed."""
    assert judge_by_count("users", WHOLE) is None
    assert judge_by_digest("users", WHOLE, 99) == VERIFIED
    assert judge_by_digest("users", WHOLE, 98) == BROKEN


def test_report_without_a_digest_is_unverifiable() -> None:
    """A report without a digest is unverifiable, and the reason says so."""
    found = judge_by_count("users", replace(WHOLE, digest=None))
    expected = "users 5 to 7: the report has no digest"
    assert found == Judgement(Verdict.UNVERIFIABLE, expected)


def test_worst_range_decides() -> None:
    """One broken range makes the block broken, and the reason names it."""
    unknown = cannot_be_made("arrays", WHOLE)
    assert of_all([VERIFIED, VERIFIED]) == VERIFIED
    assert of_all([VERIFIED, unknown]) == unknown
    assert of_all([VERIFIED, BROKEN, unknown]) == BROKEN
    both = of_all([BROKEN, Judgement(Verdict.BROKEN, "arrays 1: too")])
    assert both == Judgement(Verdict.BROKEN, f"{BROKEN.reason}; arrays 1: too")
