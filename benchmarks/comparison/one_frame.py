"""
``manage.py`` with two things changed: a pass gives each socket one frame, and more wait.

As it is shipped, the server sends all that is pending in one write, so when it
is saturated it delivers more than any loop of one frame per write can. This is
how it is compared with those. A hundred clients could be sent thousands of
messages a second; a cohort held to single frames falls behind those, and what
it has not had yet must stay in memory for as long as a window lasts.

A client whose socket was full catches up in large writes here, too, as it does
with every peer: there, what waits for a socket leaves it in one write.
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
        """Make what `Hub` makes."""
        super().__init__(shipped, *parts)
        self._shipped = shipped
        self._single = replace(shipped, write_bytes=1)

    def _pass(self, cohort: Cohort) -> None:
        self._limits = self._single
        super()._pass(cohort)
        self._limits = self._shipped


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wsproject.settings")
    # Before anything that takes them from there.
    limits.LIMITS = replace(limits.LIMITS, recent_messages=2**16)
    hub.Hub = OneFrameHub  # type: ignore[assignment,misc]  # which a node makes
    execute_from_command_line(["manage.py", *sys.argv[1:]])
