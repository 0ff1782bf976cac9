"""
Vocabularies: words made by Faker, once per locale and seed.

Faker is used for words only. Only providers that never read the clock are
loaded, so that no other provider can be reached through them.
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
"""Words of each method; a power of two, so that one bit selects a half."""

VOCABULARIES = {
    "given": ("first_name_female", "first_name_male"),
    "family": ("last_name_female", "last_name_male"),
    "phone": ("phone_number",),
    "job": ("job",),
    "company": ("company",),
    "city": ("city",),
    "country": ("country",),
}
"""The methods of Faker that make each vocabulary, `HALF` words each."""

_PROVIDERS = [
    f"faker.providers.{name}" for name in ("address", "company", "job", "person", "phone_number")
]


@lru_cache(maxsize=128)
def vocabulary(name: str, locale: str, seed: int) -> tuple[str, ...]:
    """
    Return the words of one vocabulary, some of them more than once.

    They depend on the arguments only, not on other vocabularies made earlier or
    at the same time.
    """
    # A separate Faker, since a shared one would be global random state.
    # Without weights it takes a tenth of the time and gives twice as many distinct names.
    faker = Faker(locale, providers=_PROVIDERS, use_weighting=False)
    faker.seed_instance(f"{seed} {name}")
    words = [getattr(faker, method)() for method in VOCABULARIES[name] for _ in range(HALF)]
    return tuple(words)
