"""Examples of specs, shown beside the field for a spec."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One example spec, which a click copies into the form."""

    kind: str
    about: str
    spec: dict[str, Any]

    @property
    def text(self) -> str:
        """The spec as JSON."""
        return json.dumps(self.spec, ensure_ascii=False)


RECIPES = (
    Recipe(kind="users", about="people with all fields", spec={}),
    Recipe(
        kind="users",
        about="names and e-mail addresses",
        spec={"fields": ["name", "email"]},
    ),
    Recipe(
        kind="users",
        about="people in Germany",
        spec={"fields": ["name", "phone", "city"], "locale": "de_DE"},
    ),
    Recipe(kind="arrays", about="ten whole numbers from 0 to 99", spec={}),
    Recipe(
        kind="arrays",
        about="a table of 3 by 4 fractions from -1 to 1",
        spec={"distribution": "uniform", "shape": [3, 4], "low": -1, "high": 1},
    ),
    Recipe(
        kind="arrays",
        about="one temperature, around 20 degrees",
        spec={
            "distribution": "normal",
            "shape": [1],
            "mean": 20,
            "deviation": 2.5,
            "decimals": 1,
        },
    ),
)
"""The examples, which docs/reference/feeds.md shows as well."""


def recipes() -> str:
    """Return the examples as HTML, each with a button that copies it into the form."""
    return render_to_string("admin/recipes.html", {"recipes": RECIPES})
