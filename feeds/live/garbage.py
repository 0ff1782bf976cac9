"""
Python's search for garbage, made rare enough for a process with an event loop.

Only garbage that refers to itself waits for a search; all other is freed at
once. Each thorough search looks at every object there is, and the loop stands
still: of a server these are 100,000 loaded at its start, Django's above all,
which are never garbage.
"""

from __future__ import annotations

import gc

SEARCH_AFTER = 20_000
"""Objects made and not freed between two searches: a few megabytes at most. Python's own
700 are made many times a second where a thousand clients report at once."""


def search_rarely() -> None:
    """Leave what is there now out of every search, and search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEARCH_AFTER, *gc.get_threshold()[1:])
