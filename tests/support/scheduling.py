"""
Which process of pytest-xdist runs which test.

Tests that share what is expensive to start run in one process, one after the
other. Those that share a stack and a browser come last, as these cost a part of
a core until the end. All others are given out one by one.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling

GROUPS = {
    "test_admin_pages": "admin",
    "test_dashboard": "admin",
    "test_operator": "admin",
    "test_shared_browser": "admin",
    "test_behind_a_proxy": "page",
    "test_figures": "figures",
    "test_live_page": "page",
    "test_other_origins": "page",
    "test_pages": "page",
    "test_spoiled_logs": "spoiled logs",
    "test_terminals": "page",
}
"""The group of each module whose tests share what is expensive to start."""
LAST = ("admin", "page")
"""Groups that leave a stack at work and a browser until the end."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Gives groups of tests out as one, in the order of `turn`."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what *nodeid* is given out with: its group, or itself alone."""
        return _group(nodeid) or nodeid


def make(config: Any, log: Any) -> Scheduling:
    """Return the scheduler of a run, for xdist's hook."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def turn(nodeid: str) -> int:
    """Return when a test comes: long ones before short ones, and `LAST` at the end."""
    if _group(nodeid) in LAST:
        return 2
    return 0 if "acceptance/" in nodeid else 1


def _group(nodeid: str) -> str | None:
    return GROUPS.get(PurePosixPath(nodeid.partition("::")[0]).stem)
