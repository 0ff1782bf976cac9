"""
Requests whose client leaves before their answer.

Daphne cancels such a request. If asgiref runs a part of it in a thread that ends
at that moment, nobody awaits the thread's future, and asyncio logs its
`CancelledError` with a traceback (asgiref 3.13, `SyncToAsync.__call__`). Nothing
failed, so `ignore_cancelled` drops that report.
"""

from __future__ import annotations

import asyncio
from typing import Any


def ignore_cancelled(loop: asyncio.AbstractEventLoop) -> None:
    """Let *loop* report every error that nobody awaits, except a `CancelledError`."""
    loop.set_exception_handler(_report)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)
