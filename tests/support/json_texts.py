"""JSON of every kind, including hostile texts, for readers that must handle it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, -1, 2**53, 10**400, -(10**400)]),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(["\ud800", "\0", "users", "x" * 2000]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=4),
    ),
    max_leaves=8,
)
"""Anything that Python's own writer writes, including half surrogate pairs and NaN."""


_rare_values = st.sampled_from(["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 5000, "\ud800"])
"""Values that no correct writer produces."""


@st.composite
def spoilt(draw: st.DrawFn, frames: list[dict[str, Any]]) -> str:
    """Draw one of *frames* with some field lost, added, replaced or nested too deeply."""
    frame: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(frames))))
    for _ in range(draw(st.integers(1, 3))):
        place = frame
        key = draw(st.sampled_from([*place, "other"]))
        while isinstance(place.get(key), dict) and place[key] and draw(st.booleans()):
            place = place[key]
            key = draw(st.sampled_from([*place, "other"]))
        if draw(st.booleans()):
            place[key] = draw(json_values)
        else:
            place.pop(key, None)
    text = json.dumps(frame)
    return text if draw(st.booleans()) else text.replace("1", draw(_rare_values), 1)
