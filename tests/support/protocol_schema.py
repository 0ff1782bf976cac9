"""The JSON Schema of the protocol, and frames made from it."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable
from functools import cache, reduce
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.json_texts import json_values

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SCHEMA: dict[str, Any] = json.loads(
    (REFERENCE / "protocol.schema.json").read_text(encoding="utf-8")
)
SIDES = ("fromServer", "fromClient")


def frames(side: str) -> list[str]:
    """Return the names of the definitions for the frames that *side* sends."""
    return [one["$ref"].rpartition("/")[2] for one in SCHEMA["$defs"][side]["anyOf"]]


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator for the definition *name*."""
    return Draft202012Validator(SCHEMA | {"anyOf": [{"$ref": f"#/$defs/{name}"}]})


@cache
def conforming(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw frames that the definition *name* allows; reports are consistent."""
    drawn: st.SearchStrategy[dict[str, Any]] = _values(SCHEMA["$defs"][name])
    return drawn.map(_agreed) if name == "client-report" else drawn


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw values that *schema* allows; supports the keywords in the protocol's schema."""
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _values(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] | rest)
    if "anyOf" in schema:
        return reduce(operator.or_, map(_values, schema["anyOf"]))
    if "const" in schema:
        return st.just(schema["const"])
    make = _MAKERS.get(schema.get("type", ""))
    return json_values.filter(is_sendable) if make is None else make(schema)


def _strings(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    if schema["pattern"] != SCHEMA["$defs"]["text"]["pattern"]:
        return st.from_regex(schema["pattern"].rstrip("$"), fullmatch=True)
    characters = st.characters(exclude_characters="\0", codec="utf-8")
    return st.text(characters, max_size=min(schema.get("maxLength", 20), 20))


def _numbers(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    low, high = schema["minimum"], schema["maximum"]
    return st.floats(low, high) | st.integers(math.ceil(low), high)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    known = schema.get("properties", {})
    required = {key: _values(known[key]) for key in schema.get("required", ())}
    optional = {key: _values(value) for key, value in known.items() if key not in required}
    if "additionalProperties" not in schema:
        # Unknown members of any kind are ignored everywhere.
        optional |= {"unheard of": json_values.filter(is_sendable)}
        return st.fixed_dictionaries(required, optional=optional)
    names = schema.get("propertyNames", {}).get("pattern")
    keys = st.from_regex(names.rstrip("$"), fullmatch=True) if names else st.text(max_size=8)
    return st.dictionaries(keys, _values(schema["additionalProperties"]), max_size=4)


_MAKERS: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "object": _objects,
    "array": lambda schema: (
        st.tuples(*map(_values, schema["prefixItems"])).map(list)
        if "prefixItems" in schema
        else st.lists(_values(schema["items"]), max_size=4)
    ),
    "string": _strings,
    "integer": lambda schema: st.integers(schema["minimum"], schema["maximum"]),
    "number": _numbers,
    "boolean": lambda _: st.booleans(),
}


def is_json(value: Any) -> bool:
    """Tell whether *value* has a text in JSON: NaN and infinities have none."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def is_sendable(value: Any) -> bool:
    """Tell whether *value* has a text in JSON and in UTF-8."""
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


def _agreed(report: dict[str, Any]) -> dict[str, Any]:
    """Make the numbers of a report consistent, which no schema can require."""
    feeds = report["feeds"] or {
        "users": {"epoch": "", "first": 1, "last": 1, "count": 1, "gaps": 0, "duplicates": 0}
    }
    for part in feeds.values():
        part["first"], part["last"] = sorted((part["first"], part["last"]))
        most = min(part["last"] - part["first"] + 1, 100_000 // 16)
        part["count"] = min(part["count"], most)
    size = sum(part["count"] for part in feeds.values())
    return report | {"feeds": feeds, "size": size}
