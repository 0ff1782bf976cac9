"""
A source: the records of a feed as a pure function of spec, seed and offset.

It uses no clock, no global random state and no history. The same arguments give
the same bytes in every process on every day, so any part of a feed can be
regenerated anywhere.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from feeds.sources.spec import Spec

CHUNK = 256
"""Records made at once: offset o is in chunk ``(o - 1) // CHUNK``."""

KEPT_CHUNKS = 4
"""Chunks a source caches: one for the head, some for readers behind it."""


class Source(ABC):
    """The source of one feed's records."""

    kind: ClassVar[str]
    """The word that selects this source."""

    def __init__(self, spec: Spec, seed: int) -> None:
        """Take a *spec* as `check` returned it and a *seed* from 0 to 2**63 - 1."""
        self.spec = spec
        self.seed = seed
        self._chunk = lru_cache(maxsize=KEPT_CHUNKS)(self.make_chunk)

    @classmethod
    @abstractmethod
    def check(cls, spec: Spec) -> dict[str, Any]:
        """Return *spec* with every default filled in; raises SpecError."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The members of each record; empty if records are not objects."""
        return ()

    @classmethod
    @abstractmethod
    def schema(cls, spec: Spec) -> dict[str, Any]:
        """Return a JSON Schema for records of a checked *spec*, with keywords of draft 7."""

    @property
    def vocabulary(self) -> Iterable[bytes]:
        """The words that the records are composed of, if any."""
        return ()

    @abstractmethod
    def make_chunk(self, number: int) -> list[bytes]:
        """Return the CHUNK records of chunk *number*, counted from 0."""

    def records(self, first: int, count: int) -> list[bytes]:
        """
        Return *count* records from offset *first* on, each as JSON text.

        The text is UTF-8 without a newline. *first* must be at least 1 and *count*
        at least 0.
        """
        records: list[bytes] = []
        end = first + count
        for number in range((first - 1) // CHUNK, (end - 2) // CHUNK + 1):
            start = number * CHUNK + 1
            records += self._chunk(number)[max(first - start, 0) : end - start]
        return records

    @cached_property
    def epoch(self) -> str:
        """
        Twelve hexadecimal digits that identify the records of this source.

        They are a hash of the recipe (kind, spec, seed) and its output (vocabulary,
        first chunk). So a library update changes the epoch if and only if it
        changes these.
        """
        recipe = json.dumps([self.kind, self.spec, self.seed], sort_keys=True)
        digest = hashlib.sha256()
        for part in (recipe.encode(), *self.vocabulary, *self._chunk(0)):
            # The length comes first, so that "ab", "c" and "a", "bc" differ.
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return digest.hexdigest()[:12]
