"""
The order of tests, and the process of pytest-xdist that runs each.

Tests in a directory below ``acceptance/shared`` use fixtures that are expensive
to start. One process runs all of a directory, one after the other, and begins
with them, as they take longest. One process also runs all of a module whose
tests share a server, and of a module of unit tests, which are short. All other
tests are given out one by one.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler.loadscope import LoadScopeScheduling

SHARED = "tests/acceptance/shared/"
UNIT = "tests/unit/"
ONE_SERVER = ("tests/acceptance/test_access.py",)
"""The modules whose tests share a server."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """A scheduler that distributes groups of tests as a unit, in the order of `turn`."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of *nodeid*: its directory or module, or the test itself."""
        if nodeid.startswith(SHARED):
            return nodeid.removeprefix(SHARED).split("/")[0]
        module = nodeid.partition("::")[0]
        return module if module in ONE_SERVER or module.startswith(UNIT) else nodeid


def make(config: Any, log: Any) -> Scheduling:
    """Return the scheduler of a run, for xdist's hook."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def turn(nodeid: str) -> int:
    """Return the rank of a test in the order: long ones come before short ones."""
    if nodeid.startswith(SHARED):
        return 0
    return 1 if "acceptance/" in nodeid else 2
