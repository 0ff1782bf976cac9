"""
Vocabularies: the words that Faker knows, made once per locale and seed.

Faker makes words and nothing else. Only providers that never read the clock
are loaded, so no other one can be reached by way of them.
"""

from __future__ import annotations

from functools import lru_cache

from faker import Faker

LOCALES = (
    "en_US",
    "en_GB",
    "de_DE",
    "fr_FR",
    "es_ES",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_BR",
    "cs_CZ",
    "hu_HU",
    "ja_JP",
)
"""The locales that the tests cover."""

HALF = 1024
"""Words of each method; a power of two, so that names can keep to one half."""

VOCABULARIES = {
    "given": ("first_name_female", "first_name_male"),
    "family": ("last_name_female", "last_name_male"),
    "phone": ("phone_number",),
    "job": ("job",),
    "company": ("company",),
    "city": ("city",),
    "country": ("country",),
}
"""Each vocabulary with the methods of Faker that make it, `HALF` words each."""

_PROVIDERS = [
    f"faker.providers.{name}" for name in ("address", "company", "job", "person", "phone_number")
]


@lru_cache(maxsize=128)
def vocabulary(name: str, locale: str, seed: int) -> tuple[str, ...]:
    """
    Return the words of one vocabulary, some of them more than once.

    Each depends on nothing but its arguments: others made before or beside it
    change no word.
    """
    # A Faker of its own, since a shared one would be a global random state.
    # Without its weights, a tenth of the time and twice as many different names.
    faker = Faker(locale, providers=_PROVIDERS, use_weighting=False)
    faker.seed_instance(f"{seed} {name}")
    words = [getattr(faker, method)() for method in VOCABULARIES[name] for _ in range(HALF)]
    return tuple(words)
