"""Users: the contents of their fields, and the fields that depend on each other."""

import json
import re
import unicodedata
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.sources import CHUNK, make_source
from feeds.sources.users import FIELDS, REFERENCE_DATE
from feeds.sources.vocabulary import HALF, LOCALES, VOCABULARIES, vocabulary

EXAMPLE_DOMAIN = r"example\.(com|net|org)"


def users(**spec: Any) -> list[dict[str, str]]:
    """Return the first users of seed 1, decoded."""
    return [json.loads(record) for record in make_source("users", spec, 1).records(1, 2 * CHUNK)]


def plain_letters(text: str) -> str:
    """Return the unaccented lower-case letters of *text*, computed independently of the source."""
    names = (unicodedata.name(letter, "") for letter in text)
    found = (re.match(r"LATIN (?:SMALL|CAPITAL) LETTER (\w+)", name) for name in names)
    letters = (match[1].lower() for match in found if match)
    return "".join("ss" if letter == "sharp" else letter for letter in letters)


DEFAULT_USERS = users()


def test_record_has_all_fields_in_order() -> None:
    """By default a record has all documented fields, and no other, in their order."""
    source = make_source("users", {}, 1)

    assert source.fields == FIELDS
    assert {tuple(user) for user in DEFAULT_USERS} == {FIELDS}


@settings(max_examples=30)
@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True))
def test_dropped_fields_change_no_other(fields: list[str]) -> None:
    """A selected field has the same value as among all fields, in the order of the spec."""
    expected = [{field: user[field] for field in fields} for user in DEFAULT_USERS]
    actual = users(fields=fields)

    assert actual == expected
    assert list(actual[0]) == fields


def test_values_are_single_lines() -> None:
    """Every value is a string of at least one character without a line break."""
    values = [value for user in DEFAULT_USERS for value in user.values()]

    assert [value for value in values if not value.strip() or len(value.splitlines()) > 1] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_email_is_made_from_the_name(locale: str) -> None:
    """The username is made from the name, and e-mail and link from the username."""
    for user in users(fields=["name", "username", "email", "link"], locale=locale):
        username = user["username"]
        assert re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+)?", username)
        stem, domain = user["email"].split("@")
        assert stem == username
        assert re.fullmatch(EXAMPLE_DOMAIN, domain)
        assert f"https://{domain}/~{username}" == user["link"]
        letters = re.sub("[^a-z]", "", username)
        words = user["name"].split(" ")
        turns = {plain_letters("".join(words[i:] + words[:i])) for i in range(len(words))}
        assert letters in ({"user"} if locale == "ja_JP" else turns)


@pytest.mark.parametrize("locale", LOCALES)
def test_names_follow_the_order_of_the_locale(locale: str) -> None:
    """The family name comes first in Hungary and Japan; both names have one gender."""
    given, family = (vocabulary(name, locale, 1) for name in ("given", "family"))
    fitting = [({*given[half]}, {*family[half]}) for half in (slice(HALF), slice(HALF, 2 * HALF))]
    for user in users(fields=["name"], locale=locale):
        words = user["name"].split(" ")
        cuts = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
        if locale in ("hu_HU", "ja_JP"):
            cuts = [(last, first) for first, last in cuts]
        assert any(
            first in firsts and last in lasts for first, last in cuts for firsts, lasts in fitting
        )


def test_users_are_18_to_90_years_old() -> None:
    """On the reference date the youngest user is 18 and the oldest is 90."""
    source = make_source("users", {"fields": ["date_of_birth"]}, 1)
    texts = {json.loads(record)["date_of_birth"] for record in source.records(1, 300 * CHUNK)}
    birthdays = {date.fromisoformat(text) for text in texts}
    ages = {
        REFERENCE_DATE.year
        - born.year
        - ((REFERENCE_DATE.month, REFERENCE_DATE.day) < (born.month, born.day))
        for born in birthdays
    }

    assert ages == {*range(18, 91)}
    assert (min(birthdays), max(birthdays)) == (date(1935, 1, 2), date(2008, 1, 1))


def test_women_and_men_are_equally_frequent() -> None:
    """Both halves of the given names are used equally often."""
    women = {*vocabulary("given", "cs_CZ", 1)[:HALF]}
    men = {*vocabulary("given", "cs_CZ", 1)[HALF:]}
    firsts = [user["name"].split(" ")[0] for user in users(fields=["name"], locale="cs_CZ")]

    assert 200 < sum(first in women - men for first in firsts) < 312
    assert 200 < sum(first in men - women for first in firsts) < 312


@pytest.mark.parametrize("name", VOCABULARIES)
def test_vocabulary_does_not_depend_on_others(name: str) -> None:
    """A vocabulary has the same words, whether it is made alone or after all others."""
    remembered = vocabulary(name, "pl_PL", 5)
    for other in VOCABULARIES:
        vocabulary(other, "pl_PL", 6)

    assert vocabulary.__wrapped__(name, "pl_PL", 5) == remembered


def test_another_seed_has_other_words() -> None:
    """Vocabularies depend on the seed, so feeds do not share their companies."""
    assert vocabulary("company", "de_DE", 1) != vocabulary("company", "de_DE", 2)


def test_epoch_depends_on_chosen_fields_only() -> None:
    """Words that no chosen field uses are not part of the recipe."""
    source = make_source("users", {"fields": ["city"]}, 1)

    assert {json.dumps(word).encode() for word in vocabulary("city", "en_US", 1)} == {
        *source.vocabulary
    }
