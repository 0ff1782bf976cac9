"""How long to wait before the next try."""

from __future__ import annotations

from collections.abc import Callable, Iterator

BASE_SECONDS = 0.25
"""The longest first wait: a restarted server is back in about that time."""
CAP_SECONDS = 10.0
"""The longest wait: a person who starts the server sees clients come soon."""


def backoff(random: Callable[[], float]) -> Iterator[float]:
    """
    Yield the seconds to wait before each try, without end.

    Full jitter: each wait is anywhere between 0 and a ceiling that doubles,
    so that clients which were cut off together do not come back together.
    *random* returns a number from 0 to 1. The caller makes a new generator
    once a connection has proved itself.
    """
    ceiling = BASE_SECONDS
    while True:
        yield random() * ceiling
        ceiling = min(2 * ceiling, CAP_SECONDS)
