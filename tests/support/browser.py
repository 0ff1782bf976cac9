"""The browser of `tools.browser`, for tests: without one they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools import browser as tool
from tools.browser import Browser

__all__ = ["WIDTHS", "Browser", "browser", "other_hosts"]

WIDTHS = (1440, 390)
"""Of pages, in pixels: a desktop's and a telephone's."""


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser on a new *profile*; skips where there is none."""
    with ExitStack() as opened:
        try:
            page = opened.enter_context(tool.browser(profile))
        except tool.NoBrowserError as missing:
            pytest.skip(str(missing))
        yield page


def other_hosts(page: Browser) -> set[str]:
    """Return every host that pages asked for something, but this one."""
    return {urlsplit(url).hostname or "" for url in page.requests} - {"", "blank", "127.0.0.1"}
