"""Waiting for what a program does, and never for a time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 300.0
"""The deadline of every wait; it ends only what hangs, also under ten times the load."""
LOOK_SECONDS = 0.02
"""Between two looks where nobody tells."""


def until(condition: Callable[[], bool], failure: Callable[[], str]) -> None:
    """Wait until *condition* holds; raises AssertionError with *failure*'s words."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() >= end:
            raise AssertionError(failure())
        time.sleep(LOOK_SECONDS)
