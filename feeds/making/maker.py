"""
The maker: the process that regenerates old messages.

In a thread it would slow down the event loop, and with it every client that
keeps up (decision 0006).
"""

from __future__ import annotations

import asyncio

from feeds.running.child import Child

PARTS_PER_SECOND = 50
"""
Parts of records made for all readers together: each costs the event loop up to a millisecond.

Without a limit, four readers doubled the p99 of a thousand live clients (benchmarks/readers).
"""
NICENESS = 10
"""It works for lagging clients: a tenth of a contended core."""
PROGRAM = f"import os; os.nice({NICENESS}); from feeds.running.child import serve; serve()"
IDLE_PROGRAM = (
    "import os\n"
    "if hasattr(os, 'SCHED_IDLE'): os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
    f"{PROGRAM}"
)
"""Linux lets such a process run only while a core has nothing else to do."""


class Maker(Child):
    """A child process with sources, started at the first call."""

    def __init__(self) -> None:
        super().__init__("maker", PROGRAM, "old messages and verdicts on old blocks wait.")


class Reader(Child):
    """
    A child process like `Maker`, for records that are read over HTTP.

    It is another one, so that readers of records never delay clients that catch up.
    """

    def __init__(self) -> None:
        super().__init__("reader", IDLE_PROGRAM, "records over HTTP wait.")
        self.readers = 0
        """Responses that are being written."""
        self._turn_at = 0.0
        """When the next part may be made, by the loop's clock."""

    async def turn(self) -> None:
        """Wait until another part may be made; readers take turns."""
        now = asyncio.get_running_loop().time()
        turn_at = max(now, self._turn_at)
        self._turn_at = turn_at + 1 / PARTS_PER_SECOND
        await asyncio.sleep(turn_at - now)

    def enter(self) -> None:
        """Count another response."""
        self.readers += 1

    def leave(self) -> None:
        """Count one response less."""
        self.readers -= 1
