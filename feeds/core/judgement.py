"""
What a report is found to be, from what its feeds hold.

A verdict is about the whole block: one range that is broken breaks it, and it
is verified only where every range is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clientapp.wire.digest import format_digest
from clientapp.wire.report import FeedRange
from clientapp.wire.verdict import Verdict

_GRAVITY = (Verdict.BROKEN, Verdict.UNVERIFIABLE, Verdict.VERIFIED)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    reason: str = ""
    """Empty where the block is verified."""


ONLY_A_SENTENCE = Judgement(Verdict.UNVERIFIABLE, "only the sentence was reported")


def judge_by_count(feed: str, part: FeedRange) -> Judgement | None:
    """Return what the counts of a range tell alone; None: its digest tells."""
    span = part.last - part.first + 1
    lost = span - part.count - part.gaps
    where = f"{feed} {part.first} to {part.last}"
    if lost > 0:
        return Judgement(Verdict.BROKEN, f"{where}: {lost} of {span} did not come, cause unknown")
    if lost < 0:
        return Judgement(Verdict.BROKEN, f"{where}: {-lost} too many came, cause unknown")
    if part.gaps:
        gaps = f"{part.gaps} of {span} were announced as missing"
        return Judgement(Verdict.UNVERIFIABLE, f"{where}: {gaps}")
    if part.digest is None:
        return Judgement(Verdict.UNVERIFIABLE, f"{where}: the report has no digest")
    return None


def judge_by_digest(feed: str, part: FeedRange, expected: int) -> Judgement:
    """Return whether the digest of a range is the *expected* one."""
    if part.digest == format_digest(expected):
        return Judgement(Verdict.VERIFIED)
    where = f"{feed} {part.first} to {part.last}"
    return Judgement(Verdict.BROKEN, f"{where}: the digest differs, cause unknown")


def cannot_be_made(feed: str, part: FeedRange) -> Judgement:
    """Return what is to be said of a range that this server cannot make again."""
    where = f"{feed} {part.first} to {part.last}"
    return Judgement(Verdict.UNVERIFIABLE, f"{where}: this server cannot make them again")


def of_all(judgements: Iterable[Judgement]) -> Judgement:
    """Return the gravest verdict, with the reasons of all ranges that have it."""
    found = list(judgements)
    verdict = next(word for word in _GRAVITY if any(one.verdict == word for one in found))
    reasons = [one.reason for one in found if one.verdict == verdict and one.reason]
    return Judgement(verdict, "; ".join(reasons))
