"""The JSON Schema of each source, and the records that it describes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from feeds.sources import KINDS, make_source, record_schema

RECORDS = 512
SPECS: list[tuple[str, dict[str, Any]]] = [
    ("users", {}),
    ("users", {"fields": ["email", "link", "date_of_birth"], "locale": "ja_JP"}),
    ("arrays", {}),
    ("arrays", {"shape": [2, 3, 1], "dtype": "int8", "low": -128, "high": 128}),
    ("arrays", {"distribution": "uniform", "shape": [4], "low": 0.9996, "high": 0.9999}),
    ("arrays", {"distribution": "normal", "dtype": "float32", "decimals": 12}),
]


@pytest.mark.parametrize(("kind", "spec"), SPECS, ids=json.dumps)
def test_records_match_their_schema(kind: str, spec: dict[str, Any]) -> None:
    """Each record of a source matches its schema, including formats."""
    schema = record_schema(kind, spec)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    faults = [
        error.message
        for record in make_source(kind, spec, seed=7).records(1, RECORDS)
        for error in validator.iter_errors(json.loads(record))
    ]
    assert faults == []


def test_each_kind_has_a_case() -> None:
    """No kind of source is left out above."""
    assert {kind for kind, _ in SPECS} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "spec", "record"),
    [
        ("users", {"fields": ["name"]}, {}),
        ("users", {"fields": ["name"]}, {"name": "A", "job": "B"}),
        ("users", {"fields": ["name"]}, {"name": None}),
        ("arrays", {"shape": [2]}, [1]),
        ("arrays", {"shape": [2]}, [1, 2, 3]),
        ("arrays", {"shape": [2]}, [1, 100]),
        ("arrays", {"shape": [2]}, [-1, 1]),
        ("arrays", {"shape": [2]}, [0.5, 1]),
        ("arrays", {"shape": [1, 2]}, [1, 2]),
    ],
)
def test_other_records_do_not_match(kind: str, spec: dict[str, Any], record: Any) -> None:
    """A record with another shape, field or value is refused."""
    assert not Draft7Validator(record_schema(kind, spec)).is_valid(record)
