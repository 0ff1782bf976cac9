"""JSON text, decoded to checked values."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientapp.wire import codec
from clientapp.wire.errors import MalformedMessage

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), values))
def test_objects_survive_a_round_trip(obj: dict[str, Any]) -> None:
    """An object that one side writes on one line is read unchanged by the other."""
    text = codec.encode(obj)

    assert codec.decode(text) == codec.decode(text.encode()) == obj
    assert "\n" not in text


def test_text_is_written_compactly() -> None:
    """JSON has no spaces, and letters of any script are not escaped."""
    assert codec.encode({"name": "Zoë", "at": [1, 2]}) == '{"name":"Zoë","at":[1,2]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_outside_json_are_refused(number: float) -> None:
    """A number that the other side could not read is not sent."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.encode({"seconds": number})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "this is not JSON"),
        ("{", "this is not JSON"),
        ('{"a":1} x', "this is not JSON"),
        ('{"a":NaN}', "NaN is not a JSON number"),
        ('{"a":-Infinity}', "-Infinity is not a JSON number"),
        ('{"a":' + "9" * 5000 + "}", "this is not JSON"),
        (b'{"a":"\xff"}', "this is not JSON"),
        ("[1]", "the JSON is not an object"),
        ('"{}"', "the JSON is not an object"),
        ("[" * 100_000, "the JSON is nested too deeply"),
        ('{"a":' * 100_000, "the JSON is nested too deeply"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_anything_but_an_object_is_refused(text: str | bytes, sentence: str) -> None:
    """Anything but one JSON object is refused with a sentence."""
    with pytest.raises(MalformedMessage, match=sentence):
        codec.decode(text)


@dataclass
class Check:
    """The reader of a field, with values it accepts and refuses."""

    read: Callable[..., Any]
    bounds: dict[str, Any]
    allowed: list[Any]
    refused: list[Any]
    rule: str


CHECKS = [
    Check(
        codec.string,
        {"longest": 3},
        ["", "abc", "Zoë"],
        ["abcd", "\ud800", "a\0b", 1],
        "a string of at most 3 characters",
    ),
    Check(
        codec.integer,
        {"low": 1, "high": 9},
        [1, 9],
        [0, 10, 1.0, "1", True, 10**400],
        "a whole number from 1 to 9",
    ),
    Check(
        codec.number,
        {"low": -1.0, "high": 9},
        [-1, 0.5, 9],
        [-1.5, 9.5, "1", True, 10**400, -(10**400), float("inf"), float("nan")],
        "a number from -1 to 9",
    ),
    Check(codec.boolean, {}, [True, False], [0, 1, "true"], "true or false"),
    Check(
        codec.mapping,
        {"most": 1},
        [{}, {"a": 1}],
        ["{}", {"a": 1, "b": 2}],
        "an object of at most 1 members",
    ),
    Check(codec.strings, {"most": 2}, [], ["ab", {}, list("abc")], "an array of at most 2 strings"),
    Check(codec.strings, {"most": 2}, [], [["a", 1], ["\ud800"], ["\0"]], "an array of strings"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.rule)
def test_allowed_value_is_returned(check: Check) -> None:
    """A value within its bounds is returned unchanged."""
    for value in check.allowed:
        assert check.read({"key": value}, "key", **check.bounds) == value


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.rule)
def test_refused_value_is_named(check: Check) -> None:
    """A refusal gives the field, its value and the rule, in a sentence that can be sent."""
    for value in check.refused:
        with pytest.raises(MalformedMessage) as refused:
            check.read({"key": value}, "key", **check.bounds)
        sentence = str(refused.value)

        assert sentence == f"key is {ascii(value)[:80]}; it must be {check.rule}"
        assert sentence.isprintable()


@pytest.mark.parametrize("check", CHECKS[:-1], ids=lambda check: check.rule)
@pytest.mark.parametrize("obj", [{}, {"key": None}], ids=["absent", "null"])
def test_missing_field_is_named(check: Check, obj: dict[str, Any]) -> None:
    """A field that is absent or null is missing."""
    with pytest.raises(MalformedMessage, match=f"key is missing; it must be {check.rule}"):
        check.read(obj, "key", **check.bounds)


def test_strings_keep_their_order() -> None:
    """An array of strings is returned in its order."""
    assert codec.strings({"fields": ["b", "a"]}, "fields", most=2) == ("b", "a")


def test_number_is_a_float() -> None:
    """Whole numbers become floats, because the other side may have written either."""
    assert isinstance(codec.number({"seconds": 4}, "seconds"), float)


def test_huge_value_makes_a_short_sentence() -> None:
    """However much was sent, the sentence about it stays short."""
    with pytest.raises(MalformedMessage) as refused:
        codec.integer(json.loads('{"t0":"%s"}' % ("\\ud800" * 10_000)), "t0")

    assert len(str(refused.value)) < 200
