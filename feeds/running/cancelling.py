"""
Cancellation that is never lost.

Before Python 3.12, `asyncio.wait_for` drops a cancellation that arrives at the very
moment when the awaited call finishes (cpython#86296). The channel layer's driver
uses it for each write, so a task with an endless loop might never end.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """Raise CancelledError if the current task was cancelled, even if that was lost."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
