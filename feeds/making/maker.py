"""
The processes that regenerate old messages.

In a thread they would slow down the event loop, and with it every client that
keeps up (decision 0006).
"""

from __future__ import annotations

from feeds.running.child import Child

NICENESS = 10
"""The maker works for lagging clients, so it gets a tenth of a contended core."""
PROGRAM = f"import os; os.nice({NICENESS}); from feeds.running.child import serve; serve()"
IDLE_PROGRAM = """
import os
from feeds.making import regeneration
from feeds.running.child import serve
from feeds.sources import KINDS, make_source
for kind in KINDS:
    make_source(kind, {}, seed=1)
if hasattr(os, "SCHED_IDLE"):
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
else:
    os.nice(19)
serve()
"""
"""
Linux lets such a process run only while a core has nothing else to do.

This applies once it has started: on a busy machine, starting would otherwise take minutes.
"""


class Maker(Child):
    """The process that regenerates for clients and for reports, started at the first call."""

    def __init__(self) -> None:
        super().__init__("maker", PROGRAM, "old messages and verdicts on old blocks wait.")


class RecordMaker(Child):
    """
    The process that regenerates records for HTTP, started at the first call.

    It is a process of its own, so that readers of records never delay clients that catch up.
    """

    def __init__(self) -> None:
        super().__init__("record maker", IDLE_PROGRAM, "records over HTTP wait.")
