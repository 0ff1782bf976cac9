"""The delays between connection attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

BASE_SECONDS = 0.25
"""The longest first wait: a restarted server needs about this long."""
CAP_SECONDS = 10.0
"""The longest wait: short, so that clients connect soon after a server starts."""


def backoff(random: Callable[[], float]) -> Iterator[float]:
    """
    Yield the seconds to wait before each try, without end.

    Full jitter: each wait is anywhere between 0 and a ceiling that doubles,
    so that clients disconnected together do not reconnect together.
    *random* returns a number from 0 to 1. The caller creates a new generator
    once a connection has proved to work.
    """
    ceiling = BASE_SECONDS
    while True:
        yield random() * ceiling
        ceiling = min(2 * ceiling, CAP_SECONDS)
