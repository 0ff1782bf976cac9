"""
The clerk: the process in which a node's facts are stored.

Storing is mostly Python work in Django: 1 ms for a new connection, 0.1 ms for a
report. In a thread it delayed the event loop (decision 0008).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from feeds.running.child import Child
from feeds.running.worker import afresh

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Not niced: other processes wait while it holds SQLite's lock (decision 0020).
PROGRAM = """
import django
django.setup()
from feeds.running.child import serve
serve()
"""


class Clerk(Child):
    """A child process with a database connection: a `Worker` in its own process."""

    def __init__(self) -> None:
        """Start the process at once, since loading Django takes most of a second."""
        super().__init__("clerk", PROGRAM, "reports and texts wait, and none is lost.")
        self.start()

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return the result of *call*; raises its errors, and ChildEndedError."""
        return await super().run(afresh, call, *args)
