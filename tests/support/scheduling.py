"""
Which process of pytest-xdist runs which test.

Tests that share a stack or a browser run in one process, one after the other,
and begin first. All others are given out one by one, to whoever is free.
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
    "test_live_page": "page",
    "test_other_origins": "page",
    "test_pages": "page",
    "test_terminals": "page",
}
"""The group of each module whose tests look at a stack or a browser that is expensive to start."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it is not typed where it matters
    """Gives groups of tests out as one, larger groups first."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what *nodeid* is given out with: its group, or itself alone."""
        return GROUPS.get(PurePosixPath(nodeid.partition("::")[0]).stem, nodeid)


def make(config: Any, log: Any) -> Scheduling:
    """Return the scheduler of a run, for xdist's hook."""
    return Scheduling(config, log)
