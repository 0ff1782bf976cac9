"""
Sources: the pure, seeded generators of feeds, one file per kind.

`make_source` is the entry point. Nothing here reads a clock, a socket or the
database. The libraries of a kind are only loaded by processes that make messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

from feeds.sources.source import CHUNK, Source
from feeds.sources.spec import Spec, SpecError, choice, integer, refuse

__all__ = [
    "CHUNK",
    "KINDS",
    "MAX_SEED",
    "Source",
    "SpecError",
    "check_spec",
    "make_source",
    "record_schema",
]

KINDS = {
    "users": "feeds.sources.users:Users",
    "arrays": "feeds.sources.arrays:Arrays",
}
"""The class of each kind; `feeds.models.Feed.Kind` has the same kinds."""

MAX_SEED = 2**63 - 1
"""The largest seed that a database can store."""


def check_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """
    Return *spec* with every default filled in, without making a source.

    Raises SpecError, a sentence with the value and what is allowed.
    """
    source_class = _source_class(kind)
    if not isinstance(spec, Mapping):
        refuse("the spec", spec, "an object")
    return source_class.check(spec)


def record_schema(kind: str, spec: Spec) -> dict[str, Any]:
    """Return a JSON Schema of the records of *kind* with *spec*; raises SpecError."""
    return _source_class(kind).schema(check_spec(kind, spec))


def make_source(kind: str, spec: Spec, seed: int) -> Source:
    """
    Return the source of *kind*; the first for a locale and seed takes a while.

    Raises SpecError, a sentence with the value and what is allowed.
    """
    checked = check_spec(kind, spec)
    integer("seed", seed, low=0, high=MAX_SEED)
    return _source_class(kind)(checked, seed)


def _source_class(kind: str) -> type[Source]:
    # Imported late: Faker and numpy cost 0.2 s and 20 MB, and many processes make no message.
    found: type[Source] = resolve_name(KINDS[choice("kind", kind, KINDS)])
    return found
