"""
A cancellation that is not lost.

Before Python 3.12 `asyncio.wait_for` forgets one that comes in the very moment
in which what it waits for is done (cpython#86296), and the driver of the channel
layer waits so for each write. A task that goes round for ever would never end.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raise CancelledError where the current task was told to end, heard or not."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
