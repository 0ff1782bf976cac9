"""How rarely garbage is searched for; in a process of its own, for it is said of all of one."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
import weakref

from feeds.live.garbage import SEARCH_AFTER, search_rarely


class Circle:
    def __init__(self):
        self.itself = self


searches = []
search_rarely()
gc.callbacks.append(lambda phase, info: searches.append(phase))
gone = weakref.ref(Circle())
kept = [[] for _ in range(SEARCH_AFTER // 2)]
print(gc.get_freeze_count() > 1000, len(searches), gone() is None)
kept += [[] for _ in range(SEARCH_AFTER)]
print(len(searches), gone() is None)
"""


def test_search_after() -> None:
    """What is loaded is left out; a circle waits for so many objects, and no longer."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split("\n")[:2] == ["True 0 False", "2 True"]
