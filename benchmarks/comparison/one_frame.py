"""
``manage.py`` with two changes: one frame per socket and pass, and a longer memory.

By default the server sends all pending frames in one write, so when saturated it
delivers more than any loop with one frame per write. This variant is comparable
with such loops. With a hundred clients, thousands of messages per second are
possible; a cohort limited to single frames falls behind, and its pending messages
must stay in memory for a whole window.

A client whose socket was full still catches up in large writes, as with every
peer, where all bytes waiting for a socket leave in one write.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

from django.core.management import execute_from_command_line

from feeds.core import hub, limits
from feeds.core.subscriber import Cohort


class OneFrameHub(hub.Hub):
    """A hub whose cohorts get single frames."""

    def __init__(self, shipped: limits.Limits, *parts: Any) -> None:
        """Create the hub like `Hub`."""
        super().__init__(shipped, *parts)
        self._shipped = shipped
        self._single = replace(shipped, write_bytes=1)

    def _pass(self, cohort: Cohort) -> None:
        self._limits = self._single
        super()._pass(cohort)
        self._limits = self._shipped


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    # Set both before any other module imports them.
    limits.LIMITS = replace(limits.LIMITS, recent_messages=2**16)
    hub.Hub = OneFrameHub  # type: ignore[assignment,misc]  # which a node makes
    execute_from_command_line(["manage.py", *sys.argv[1:]])
