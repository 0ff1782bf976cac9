"""
The path below which a server is found, if a proxy serves other things beside it.

It is empty, or ``/feeds``, or ``/live/feeds``: it begins with a slash and ends without one.
"""

from __future__ import annotations

import re

PATH_PREFIX = re.compile(r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*")
LONGEST = 100


def path_prefix(text: str) -> str:
    """Return *text*, with or without slashes at its ends, as a prefix; raises ValueError."""
    parts = text.strip("/")
    prefix = f"/{parts}" if parts else ""
    if len(prefix) > LONGEST or not PATH_PREFIX.fullmatch(prefix):
        raise ValueError(f"{text[:LONGEST]!r} is not a path prefix")
    return prefix


def is_below(path: str, prefix: str) -> bool:
    """Tell whether *path* is *prefix* or below it."""
    return path == prefix or path.startswith(f"{prefix}/")
