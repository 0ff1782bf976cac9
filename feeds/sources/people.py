"""Names of people, with matching usernames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import orjson

from feeds.sources.vocabulary import HALF, vocabulary

GIVEN = 2 * HALF
"""Given names to pick from: women's in the lower half, men's in the upper."""
FAMILIES = HALF
"""Family names to pick from, in a list for women and one for men."""
NUMBERS = 1000
"""Numbers appended to usernames, so that two users rarely share one."""

NAME_PARTS = frozenset({"first", "last", "username"})
"""The parts of a record that `People` makes."""

FAMILY_FIRST = frozenset({"hu_HU", "ja_JP"})
"""Locales that write the family name before the given name."""

_UNDECOMPOSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
"""Latin letters that Unicode does not decompose into a letter and a mark."""


def fold(word: str) -> str:
    """Return the a-z and 0-9 of *word* for a username; may be empty."""
    letters = unicodedata.normalize("NFKD", word.casefold().translate(_UNDECOMPOSED))
    return re.sub("[^a-z0-9]", "", letters)


class People:
    """The people of one locale and seed."""

    def __init__(self, locale: str, seed: int) -> None:
        given = vocabulary("given", locale, seed)
        family = vocabulary("family", locale, seed)
        self.vocabulary = [word.encode() for word in (*given, *family)]
        self._family_first = locale in FAMILY_FIRST
        first, last = (family, given) if self._family_first else (given, family)
        # A whole name has two quotes in JSON; each part has one of them.
        self._first = [orjson.dumps(word)[:-1] + b" " for word in first]
        self._last = [orjson.dumps(word)[1:] for word in last]
        self._given_user = [_given_user(word) for word in given]
        self._family_user = [(fold(word) or str(i)).encode() for i, word in enumerate(family)]

    def parts(
        self, given: Sequence[int], family: Sequence[int], numbers: Sequence[int]
    ) -> dict[str, list[bytes]]:
        """
        Return the parts of names, and the username for each.

        ``first`` followed by ``last`` is the JSON text of a whole name, in the
        locale's own order. A ``username``, such as ada.lovelace42, is lower-case
        ASCII: letters, digits, and at most one dot. For a name without any ASCII
        letter it is ``user`` and digits.
        """
        # The bit that selects men's given names also selects men's family names.
        family = [j | (i & HALF) for i, j in zip(given, family, strict=True)]
        first, last = (family, given) if self._family_first else (given, family)
        givens, families = self._given_user, self._family_user
        return {
            "first": [self._first[i] for i in first],
            "last": [self._last[i] for i in last],
            "username": [
                b"%b%b%d" % (givens[i], families[j], number)
                for i, j, number in zip(given, family, numbers, strict=True)
            ],
        }


def _given_user(word: str) -> bytes:
    folded = fold(word)
    return folded.encode() + b"." if folded else b"user"
