"""
Conversion of JSON text to checked values, and back.

Every field is read through one of these functions, so anything that the other side
sends becomes either a value of the promised type or an error of one sentence.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .errors import MalformedMessage
from .printable import printable

Json = dict[str, Any]

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON parser keeps exact (RFC 8259, 6)."""


def encode(obj: Json) -> str:
    """Write *obj* as one line of JSON without spaces."""
    return _ENCODER.encode(obj)


def decode(text: str | bytes) -> Json:
    """Read one JSON object; raises MalformedMessage."""
    obj = parse(text)
    if not isinstance(obj, dict):
        raise MalformedMessage("the JSON is not an object")
    return obj


def parse(text: str | bytes) -> Any:
    """Read one JSON value of any kind; raises MalformedMessage."""
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise MalformedMessage("the JSON is nested too deeply") from None
    except ValueError as error:
        raise MalformedMessage(f"this is not JSON: {error}") from None


def decode_leniently(text: str) -> Json | None:
    """Read one JSON object that may contain NaN and Infinity; None if it still is not one."""
    try:
        obj = json.loads(text)
    except (RecursionError, ValueError):
        return None
    return obj if isinstance(obj, dict) else None


def string(obj: Json, key: str, *, longest: int = 1000) -> str:
    """Return the string at *key*, of at most *longest* characters."""
    value = obj.get(key)
    if not isinstance(value, str) or len(value) > longest or not _is_text(value):
        _refuse(key, value, f"a string of at most {longest} characters")
    return value


def integer(obj: Json, key: str, *, low: int = 0, high: int = MAX_INTEGER) -> int:
    """Return the integer at *key*, from *low* to *high*."""
    value = obj.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        _refuse(key, value, f"a whole number from {low} to {high}")
    return value


def number(obj: Json, key: str, *, low: float = 0.0, high: float = 1e12) -> float:
    """Return the number at *key*, from *low* to *high*."""
    value = obj.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        _refuse(key, value, f"a number from {low:g} to {high:g}")
    return float(value)


def boolean(obj: Json, key: str) -> bool:
    """Return the boolean at *key*."""
    value = obj.get(key)
    if not isinstance(value, bool):
        _refuse(key, value, "true or false")
    return value


def mapping(obj: Json, key: str, *, most: int = 1000) -> Json:
    """Return the object at *key*, of at most *most* members."""
    value = obj.get(key)
    if not isinstance(value, dict) or len(value) > most:
        _refuse(key, value, f"an object of at most {most} members")
    return value


def strings(obj: Json, key: str, *, most: int = 1000) -> tuple[str, ...]:
    """Return the array of strings at *key*, of at most *most* items."""
    value = obj.get(key)
    if not isinstance(value, list) or len(value) > most:
        _refuse(key, value, f"an array of at most {most} strings")
    if not all(isinstance(item, str) and _is_text(item) for item in value):
        _refuse(key, value, "an array of strings")
    return tuple(value)


def _is_text(text: str) -> bool:
    """
    Tell whether *text* can be sent and stored.

    Half a surrogate pair cannot be encoded as UTF-8, and PostgreSQL stores no NUL.
    """
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(key: str, value: object, allowed: str) -> NoReturn:
    shown = "missing" if value is None else ascii(value)[:80]
    raise MalformedMessage(f"{printable(key[:80])} is {shown}; it must be {allowed}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# Created once: json.loads and json.dumps would create one for each call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
