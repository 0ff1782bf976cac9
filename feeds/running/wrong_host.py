"""The log line for requests whose Host header is not in ALLOWED_HOSTS."""

from __future__ import annotations

import logging
import time

LOGGED_SECONDS = 60.0
"""Shortest time between lines about the same host: an open page asks every second."""
LONGEST = 300
"""Longest line, in characters: the client chooses the host."""


class WrongHost(logging.Filter):
    """
    A filter that keeps Django's message, which names ALLOWED_HOSTS, without its traceback.

    The traceback is always the same. A line that repeats the last one within
    `LOGGED_SECONDS` is dropped.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._said = ""
        self._at = -LOGGED_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to log *record*, with its traceback removed."""
        text, now = record.getMessage()[:LONGEST], time.monotonic()
        if text == self._said and now - self._at < LOGGED_SECONDS:
            return False
        self._said, self._at = text, now
        record.msg, record.args = "%s", (text,)
        record.exc_info = record.exc_text = None
        return True
