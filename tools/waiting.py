"""Waiting for conditions, instead of for fixed times."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 300.0
"""The deadline of every wait: reached only by a hang, even under ten times the load."""
LOOK_SECONDS = 0.02
"""Interval of polling."""


def until(condition: Callable[[], bool], failure: Callable[[], str]) -> None:
    """Wait until *condition* holds; raises AssertionError with the text of *failure*."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() >= end:
            raise AssertionError(failure())
        time.sleep(LOOK_SECONDS)
