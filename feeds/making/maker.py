"""
The maker: the process that regenerates old messages.

In a thread it would slow down the event loop, and with it every client that
keeps up (decision 0006).
"""

from __future__ import annotations

from feeds.running.child import Child

NICENESS = 10
"""It works for lagging clients: a tenth of a contended core."""
PROGRAM = f"import os; os.nice({NICENESS}); from feeds.running.child import serve; serve()"


class Maker(Child):
    """A child process with sources, started at the first call."""

    def __init__(self) -> None:
        super().__init__("maker", PROGRAM, "old messages and verdicts on old blocks wait.")
