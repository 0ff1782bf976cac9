"""
Validation of specs: every value is checked, every error is one sentence.

A spec is JSON that a person entered in the admin. Each function takes the name
and the value of one key and returns the value with its type known, or raises
`SpecError` with the value and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

Spec = Mapping[str, Any]

MAX_NUMBER = 2**53 - 1
"""The largest number, in a spec or a record, that every JSON parser reads exactly."""


class SpecError(ValueError):
    """The spec of a source is not valid; the sentence may be shown to users."""


def refuse(key: str, value: object, allowed: str) -> NoReturn:
    """Raise SpecError: *key* is *value*, and only *allowed* is valid."""
    raise SpecError(f"{key} is {repr(value)[:80]}; it must be {allowed}")


def check_keys(spec: Spec, allowed: Iterable[str], *, of: str) -> None:
    """Raise SpecError for a key that is not *allowed*; *of* names the thing that is specified."""
    known = tuple(allowed)
    for key in spec:
        if key not in known:
            raise SpecError(f"{str(key)[:80]!r} is not a key of {of}; allowed: {', '.join(known)}")


def choice(key: str, value: object, allowed: Iterable[str]) -> str:
    """Return *value*, one of the words *allowed*."""
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        refuse(key, value, f"one of {', '.join(words)}")
    return value


def choices(key: str, value: object, allowed: Iterable[str]) -> list[str]:
    """Return *value*, a non-empty array of distinct words *allowed*."""
    words = tuple(allowed)
    if not isinstance(value, list | tuple) or not value:
        refuse(key, value, f"an array of at least one of {', '.join(words)}")
    chosen = [choice(f"an item of {key}", item, words) for item in value]
    for word in chosen:
        if chosen.count(word) > 1:
            raise SpecError(f"{key} holds {word!r} {chosen.count(word)} times; once is allowed")
    return chosen


def integer(key: str, value: object, *, low: int, high: int) -> int:
    """Return *value*, a whole number from *low* to *high*, inclusive."""
    # To Python, JSON's true and false are whole numbers.
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        refuse(key, value, f"a whole number from {low} to {high}")
    return value


def number(key: str, value: object, *, low: float = -MAX_NUMBER, high: float = MAX_NUMBER) -> float:
    """Return *value*, a number from *low* to *high*, inclusive."""
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    # NaN is refused here: every comparison with it is false.
    refuse(key, value, f"a number from {low:.16g} to {high:.16g}")
