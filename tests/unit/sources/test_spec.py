"""Valid specs, and one sentence for each invalid one."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.sources import KINDS, SpecError, check_spec, make_source
from feeds.sources.vocabulary import vocabulary

ALL_FIELDS = "name, username, email, phone, job, company, city, country, link, date_of_birth"
ALL_LOCALES = "en_US, en_GB, de_DE, fr_FR, es_ES, it_IT, nl_NL, pl_PL, pt_BR, cs_CZ, hu_HU, ja_JP"
UNIFORM = {"distribution": "uniform"}
NORMAL = {"distribution": "normal"}
EXACT = 2**53 - 1

KEYS = [
    *("fields", "locale", "shape", "dtype", "distribution"),
    *("low", "high", "decimals", "mean", "deviation"),
]
WORDS = st.sampled_from(["uniform", "normal", "int8", "float32", "de_DE", "name"])
SCALARS = WORDS | st.none() | st.booleans() | st.integers() | st.floats()
ANY_VALUE = SCALARS | st.lists(SCALARS, max_size=5) | st.dictionaries(WORDS, SCALARS, max_size=2)

REFUSED: list[tuple[str, Any, str]] = [
    ("poems", {}, "kind is 'poems'; it must be one of users, arrays"),
    ("users", [1], "the spec is [1]; it must be an object"),
    ("arrays", None, "the spec is None; it must be an object"),
    ("users", {"size": 1}, "'size' is not a key of users; allowed: fields, locale"),
    (
        "users",
        {"fields": ["name", "shoe"]},
        f"an item of fields is 'shoe'; it must be one of {ALL_FIELDS}",
    ),
    ("users", {"fields": [7]}, f"an item of fields is 7; it must be one of {ALL_FIELDS}"),
    (
        "users",
        {"fields": []},
        f"fields is []; it must be an array of at least one of {ALL_FIELDS}",
    ),
    (
        "users",
        {"fields": "name"},
        f"fields is 'name'; it must be an array of at least one of {ALL_FIELDS}",
    ),
    (
        "users",
        {"fields": ["name", "city", "name"]},
        "fields holds 'name' 2 times; once is allowed",
    ),
    ("users", {"locale": "xx_XX"}, f"locale is 'xx_XX'; it must be one of {ALL_LOCALES}"),
    ("users", {"locale": None}, f"locale is None; it must be one of {ALL_LOCALES}"),
    (
        "arrays",
        {"decimals": 2},
        (
            "'decimals' is not a key of arrays with the distribution integers; "
            "allowed: distribution, shape, dtype, low, high"
        ),
    ),
    (
        "arrays",
        NORMAL | {"low": 2},
        (
            "'low' is not a key of arrays with the distribution normal; "
            "allowed: distribution, shape, dtype, mean, deviation, decimals"
        ),
    ),
    (
        "arrays",
        {"distribution": "poisson"},
        "distribution is 'poisson'; it must be one of integers, uniform, normal",
    ),
    (
        "arrays",
        {"dtype": "float64"},
        (
            "dtype is 'float64'; it must be one of "
            "int64, int32, int16, int8, uint8, uint16, uint32, uint64"
        ),
    ),
    (
        "arrays",
        UNIFORM | {"dtype": "int64"},
        "dtype is 'int64'; it must be one of float64, float32",
    ),
    ("arrays", {"shape": 10}, "shape is 10; it must be an array of 1 to 4 lengths"),
    ("arrays", {"shape": []}, "shape is []; it must be an array of 1 to 4 lengths"),
    (
        "arrays",
        {"shape": [1, 1, 1, 1, 1]},
        "shape is [1, 1, 1, 1, 1]; it must be an array of 1 to 4 lengths",
    ),
    (
        "arrays",
        {"shape": [2, 0]},
        "a length in shape is 0; it must be a whole number from 1 to 1024",
    ),
    (
        "arrays",
        {"shape": [True]},
        "a length in shape is True; it must be a whole number from 1 to 1024",
    ),
    ("arrays", {"shape": [33, 32]}, "shape holds 1056 numbers; at most 1024 are allowed"),
    ("arrays", {"low": 0.5}, f"low is 0.5; it must be a whole number from {-EXACT} to {EXACT}"),
    ("arrays", {"low": 5, "high": 5}, f"high is 5; it must be a whole number from 6 to {2**53}"),
    (
        "arrays",
        {"dtype": "int8", "high": 129},
        "high is 129; it must be a whole number from 1 to 128",
    ),
    (
        "arrays",
        {"dtype": "uint16", "low": -1},
        "low is -1; it must be a whole number from 0 to 65535",
    ),
    (
        "arrays",
        UNIFORM | {"low": "0"},
        f"low is '0'; it must be a number from {-EXACT} to {EXACT}",
    ),
    (
        "arrays",
        UNIFORM | {"high": math.inf},
        f"high is inf; it must be a number from {-EXACT} to {EXACT}",
    ),
    (
        "arrays",
        UNIFORM | {"low": 1, "high": 1},
        "high is 1.0; it must be greater than low, which is 1",
    ),
    (
        "arrays",
        UNIFORM | {"decimals": 13},
        "decimals is 13; it must be a whole number from 0 to 12",
    ),
    (
        "arrays",
        NORMAL | {"mean": math.nan},
        f"mean is nan; it must be a number from {-EXACT} to {EXACT}",
    ),
    (
        "arrays",
        NORMAL | {"mean": 10**400},
        f"mean is 1{'0' * 79}; it must be a number from {-EXACT} to {EXACT}",
    ),
    (
        "arrays",
        NORMAL | {"deviation": -1},
        f"deviation is -1; it must be a number from 0 to {EXACT}",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "sentence"), REFUSED)
def test_invalid_spec_is_refused_in_one_sentence(kind: str, spec: Any, sentence: str) -> None:
    """The sentence names the value and the rule."""
    with pytest.raises(SpecError) as refusal:
        check_spec(kind, spec)

    assert str(refusal.value) == sentence


def test_making_a_source_refuses_what_checking_refuses() -> None:
    """A source is never made from an unchecked spec."""
    with pytest.raises(SpecError, match="'size' is not a key of users"):
        make_source("users", {"size": 1}, 1)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True])
def test_invalid_seed_is_refused(seed: Any) -> None:
    """A seed is a whole number that fits the database."""
    with pytest.raises(SpecError, match=r"seed is .*; it must be a whole number from 0 to"):
        make_source("arrays", {}, seed)


@pytest.mark.parametrize(
    ("kind", "spec", "checked"),
    [
        ("users", {}, {"fields": ALL_FIELDS.split(", "), "locale": "en_US"}),
        (
            "arrays",
            {},
            {
                "distribution": "integers",
                "shape": [10],
                "dtype": "int64",
                "low": 0,
                "high": 100,
            },
        ),
        (
            "arrays",
            {"distribution": "uniform", "low": -1, "shape": (32, 32)},
            {
                "distribution": "uniform",
                "shape": [32, 32],
                "dtype": "float64",
                "low": -1.0,
                "high": 1.0,
                "decimals": 3,
            },
        ),
        (
            "arrays",
            {"distribution": "normal", "dtype": "float32"},
            {
                "distribution": "normal",
                "shape": [10],
                "dtype": "float32",
                "mean": 0.0,
                "deviation": 1.0,
                "decimals": 3,
            },
        ),
    ],
)
def test_checked_spec_has_every_key(kind: str, spec: Any, checked: dict[str, Any]) -> None:
    """Defaults are filled in, and checking the result again changes nothing."""
    assert check_spec(kind, spec) == checked
    assert check_spec(kind, checked) == checked


@given(
    st.sampled_from([*KINDS]),
    st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), ANY_VALUE, max_size=4),
)
def test_any_object_is_checked_or_refused(kind: str, spec: dict[str, Any]) -> None:
    """Any JSON object gives a checked spec or a SpecError."""
    try:
        checked = check_spec(kind, spec)
    except SpecError:
        return
    assert check_spec(kind, checked) == checked


def test_checking_makes_no_vocabulary() -> None:
    """A spec is checked quickly, without making the words it needs."""
    before = vocabulary.cache_info().misses
    check_spec("users", {"locale": "fr_FR"})

    assert vocabulary.cache_info().misses == before
