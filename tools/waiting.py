"""Waiting for conditions, instead of for fixed times."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 300.0
"""The deadline of every wait: reached only by a hang, even under ten times the load."""
LOOK_SECONDS = 0.01, 0.1
"""The shortest and the longest interval of polling."""
LOOKS_PER_WAIT = 20
"""The next look comes after a twentieth of the time waited so far: a long wait needs few looks."""


def until(condition: Callable[[], bool], failure: Callable[[], str]) -> None:
    """Wait until *condition* holds; raises AssertionError with the text of *failure*."""
    shortest, longest = LOOK_SECONDS
    begin = time.monotonic()
    while not condition():
        waited = time.monotonic() - begin
        if waited >= PATIENCE_SECONDS:
            raise AssertionError(failure())
        time.sleep(min(max(waited / LOOKS_PER_WAIT, shortest), longest))
