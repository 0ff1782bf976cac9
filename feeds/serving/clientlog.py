"""
The log of one connection: its first lines, and a rate in the long run.

A client that reports a thousand blocks a second, or has them refused, would otherwise
fill the disk with lines, and delay the lines of all others.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from clientapp.wire.names import key_prefix
from feeds.core.allowance import Allowance
from feeds.core.limits import Limits

_log = logging.getLogger("feeds.clients")


class ClientLog(logging.LoggerAdapter[logging.Logger]):
    """The log of clients, whose records name the session by the prefix of its key."""

    def __init__(self, key: str, limits: Limits) -> None:
        """Log for the session with the stored *key*, as much as *limits* allow."""
        super().__init__(_log, {"session": key_prefix(key)})
        self._lines = Allowance(limits.log_rate, limits.log_burst, time.monotonic())
        self._left_out = 0

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Log a line, or count it if there were too many."""
        if not self.isEnabledFor(level):
            return
        if self._lines.take(1, time.monotonic()):
            self.tell()
            super().log(level, msg, *args, **options)
        else:
            self._left_out += 1

    def tell(self) -> None:
        """Log how many lines were left out since the last time, if any were."""
        if self._left_out:
            super().log(logging.INFO, "%d lines about this client were left out", self._left_out)
            self._left_out = 0
