"""The browser of `tools.browser`, for tests: without one they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tools import browser as tool
from tools.browser import Browser

__all__ = ["Browser", "browser"]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser on a new *profile*; skips where there is none."""
    with ExitStack() as opened:
        try:
            page = opened.enter_context(tool.browser(profile))
        except tool.NoBrowserError as missing:
            pytest.skip(str(missing))
        yield page
