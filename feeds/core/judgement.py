"""
Judgements: the verdict on a report, by comparison with its feeds.

A verdict covers the whole block: one broken range makes it broken, and it is
verified only if every range is.
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
    """A verdict and its reason."""

    verdict: Verdict
    reason: str = ""
    """Empty if the block is verified."""
    is_rolled_back: bool = False
    """Whether a range belongs to a history that was rolled back, which has no schedule any more."""


ROLLED_BACK = "history was rolled back"
ONLY_A_SENTENCE = Judgement(Verdict.UNVERIFIABLE, "only the sentence was reported")


def judge_by_count(feed: str, part: FeedRange) -> Judgement | None:
    """Judge a range by its counts alone; return None if its digest must decide."""
    span = part.last - part.first + 1
    lost = span - part.count - part.gaps
    where = f"{feed} {part.first} to {part.last}"
    if lost > 0:
        return Judgement(Verdict.BROKEN, f"{where}: {lost} of {span} did not arrive, cause unknown")
    if lost < 0:
        return Judgement(Verdict.BROKEN, f"{where}: {-lost} too many arrived, cause unknown")
    if part.gaps:
        gaps = f"{part.gaps} of {span} were announced as missing"
        return Judgement(Verdict.UNVERIFIABLE, f"{where}: {gaps}")
    if part.digest is None:
        return Judgement(Verdict.UNVERIFIABLE, f"{where}: the report has no digest")
    return None


def judge_by_digest(feed: str, part: FeedRange, expected: int) -> Judgement:
    """Judge a range by whether its digest is the *expected* one."""
    if part.digest == format_digest(expected):
        return Judgement(Verdict.VERIFIED)
    where = f"{feed} {part.first} to {part.last}"
    return Judgement(Verdict.BROKEN, f"{where}: the digest differs, cause unknown")


def cannot_be_made(feed: str, part: FeedRange) -> Judgement:
    """Return the judgement on a range that this server cannot regenerate."""
    where = f"{feed} {part.first} to {part.last}"
    return Judgement(Verdict.UNVERIFIABLE, f"{where}: this server cannot regenerate them")


def rolled_back(feed: str, part: FeedRange) -> Judgement:
    """Return the judgement on a range of a history that was rolled back."""
    reason = f"{feed} {part.first} to {part.last}: {ROLLED_BACK}"
    return Judgement(Verdict.UNVERIFIABLE, reason, is_rolled_back=True)


def of_all(judgements: Iterable[Judgement]) -> Judgement:
    """Return the worst verdict, with the reasons of all ranges that have it."""
    found = list(judgements)
    verdict = next(word for word in _GRAVITY if any(one.verdict == word for one in found))
    reasons = [one.reason for one in found if one.verdict == verdict and one.reason]
    is_rolled_back = any(one.is_rolled_back for one in found)
    return Judgement(verdict, "; ".join(reasons), is_rolled_back)
