"""
Users: records that look like the accounts of a large site.

Philox picks words from the vocabularies. Every field reads its own row of
random words, so its values do not depend on which other fields a spec selects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import orjson

from feeds.sources import draws
from feeds.sources.people import FAMILIES, GIVEN, NAME_PARTS, NUMBERS, People
from feeds.sources.source import CHUNK, Source
from feeds.sources.spec import Spec, check_keys, choice, choices
from feeds.sources.vocabulary import HALF, LOCALES, vocabulary

_FORMATS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "name": (b"%b%b", ("first", "last")),
    "username": (b'"%b"', ("username",)),
    "email": (b'"%b@%b"', ("username", "domain")),
    "phone": (b"%b", ("phone",)),
    "job": (b"%b", ("job",)),
    "company": (b"%b", ("company",)),
    "city": (b"%b", ("city",)),
    "country": (b"%b", ("country",)),
    "link": (b'"https://%b/~%b"', ("domain", "username")),
    "date_of_birth": (b"%b", ("date_of_birth",)),
}
"""The JSON text of each field's value, and the parts it is filled with."""

FIELDS = tuple(_FORMATS)

DOMAINS = (b"example.com", b"example.net", b"example.org")
"""Domains reserved by RFC 2606, so that no mail ever reaches anybody."""

REFERENCE_DATE = date(2026, 1, 1)
"""The day on which users are 18 to 90 years old; fixed, so that records never change."""
_OLDEST = REFERENCE_DATE.replace(year=REFERENCE_DATE.year - 91) + timedelta(days=1)
_YOUNGEST = REFERENCE_DATE.replace(year=REFERENCE_DATE.year - 18)
BIRTHDAYS = (_YOUNGEST - _OLDEST).days + 1

_BOUNDS = {
    "given": GIVEN,
    "family": FAMILIES,
    "number": NUMBERS,
    "domain": len(DOMAINS),
    "date_of_birth": BIRTHDAYS,
    "phone": HALF,
    "job": HALF,
    "company": HALF,
    "city": HALF,
    "country": HALF,
}
"""
The number of choices for each pick.

The index of a pick is its row of random words, so add new picks at the end.
"""
_BOUND_COLUMN = np.array([*_BOUNDS.values()], dtype=np.uint64).reshape(-1, 1)


class Users(Source):
    """A source whose records are people, made up from the words of one locale."""

    kind = "users"

    def __init__(self, spec: Spec, seed: int) -> None:
        """Take a *spec* as `check` returned it and a *seed* from 0 to 2**63 - 1."""
        super().__init__(spec, seed)
        formats = {field: _FORMATS[field] for field in self.fields}
        members = (b'"%b":%b' % (field.encode(), text) for field, (text, _) in formats.items())
        self._template = b"{%b}" % b",".join(members)
        self._parts = [part for _, parts in formats.values() for part in parts]
        self._people = None
        if NAME_PARTS.intersection(self._parts):
            self._people = People(spec["locale"], seed)
        self._texts = {
            part: _texts(part, spec["locale"], seed)
            for part in dict.fromkeys(self._parts)
            if part not in NAME_PARTS
        }

    @classmethod
    def check(cls, spec: Spec) -> dict[str, Any]:
        """Return *spec* with every default filled in; raises SpecError."""
        check_keys(spec, ("fields", "locale"), of=cls.kind)
        return {
            "fields": choices("fields", spec.get("fields", FIELDS), FIELDS),
            "locale": choice("locale", spec.get("locale", LOCALES[0]), LOCALES),
        }

    @property
    def fields(self) -> tuple[str, ...]:
        """The members of each record, in their order."""
        return tuple(self.spec["fields"])

    @classmethod
    def schema(cls, spec: Spec) -> dict[str, Any]:
        """Return a JSON Schema for records of a checked *spec*, with keywords of draft 7."""
        formats = {"date_of_birth": "date", "email": "email", "link": "uri"}
        return {
            "type": "object",
            "properties": {
                field: {"type": "string"} | ({"format": formats[field]} if field in formats else {})
                for field in spec["fields"]
            },
            "required": list(spec["fields"]),
            "additionalProperties": False,
        }

    @property
    def vocabulary(self) -> Iterable[bytes]:
        """The words that the selected fields are composed of."""
        if self._people:
            yield from self._people.vocabulary
        for texts in self._texts.values():
            yield from texts

    def make_chunk(self, number: int) -> list[bytes]:
        """Return the CHUNK records of chunk *number*, counted from 0."""
        words = draws.draw(self.seed, number, len(_BOUNDS) * CHUNK).reshape(-1, CHUNK)
        picks = dict(zip(_BOUNDS, draws.below(words, _BOUND_COLUMN).tolist(), strict=True))
        parts = {part: [texts[pick] for pick in picks[part]] for part, texts in self._texts.items()}
        if self._people:
            parts |= self._people.parts(picks["given"], picks["family"], picks["number"])
        rows = zip(*(parts[part] for part in self._parts), strict=True)
        return [self._template % row for row in rows]


def _texts(part: str, locale: str, seed: int) -> Sequence[bytes]:
    """Return the texts from which a part is picked."""
    match part:
        case "domain":
            return DOMAINS
        case "date_of_birth":
            return _birthdays()
        case _:
            return [orjson.dumps(word) for word in vocabulary(part, locale, seed)]


@cache
def _birthdays() -> list[bytes]:
    days = (_OLDEST + timedelta(days=day) for day in range(BIRTHDAYS))
    return [b'"%b"' % day.isoformat().encode() for day in days]
