"""
The clerk: the process in which a node's facts are stored.

Storing is Python above all: Django's, a millisecond for a new connection, a
tenth for a report. In a thread it kept the event loop waiting (decision 0008).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from feeds.running.child import Child
from feeds.running.worker import afresh

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NICENESS = 5
"""It gets a quarter of a core that others want: a crowd that comes is let in first, and its facts
are stored for three quarters of the work. With a core to spare, acknowledgements take as long."""
PROGRAM = f"""
import os
os.nice({NICENESS})
import django
django.setup()
from feeds.running.child import serve
serve()
"""


class Clerk(Child):
    """A child with a database connection; what a `Worker` does, apart."""

    def __init__(self) -> None:
        """Start the process: Django takes most of a second to come up."""
        super().__init__("clerk", PROGRAM)
        self.start()

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return what *call* returns; raises what it raises, and ChildEndedError."""
        return await super().run(afresh, call, *args)
