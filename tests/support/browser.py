"""The browser of `tools.browser`; tests are skipped if there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools import browser as tool
from tools.browser import Browser, Chromium

__all__ = ["SCROLL_WIDTH", "WIDTHS", "Browser", "SharedBrowser", "browser", "other_hosts"]

WIDTHS = (1440, 390)
"""Widths of pages in pixels: a desktop's and a phone's."""
SCROLL_WIDTH = "document.documentElement.scrollWidth"
"""The width of the content; on a phone, the window would grow with it."""


class SharedBrowser:
    """
    One browser for many tests.

    It starts with the first page. After a crash the next page starts another browser, so only the
    test during the crash fails.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the profiles below *folder*; the caller must call `close`."""
        self._folder = folder
        self._started = 0
        self._running: Chromium | None = None
        self._opened = ExitStack()
        self._kept: Browser | None = None

    @contextmanager
    def page(self) -> Iterator[Browser]:
        """Open a page with its own cookies and cache; skips if there is no browser."""
        with self._well().page() as page:
            yield page

    def kept(self) -> Browser:
        """Return a page that stays open for other tests, reset except for its cookies."""
        running = self._well()
        if self._kept is None or not self._kept.is_well():
            self._kept = self._opened.enter_context(running.page())
        self._kept.forget()
        return self._kept

    def close(self) -> None:
        """End the browser if it runs."""
        self._running = self._kept = None
        self._opened.close()

    def _well(self) -> Chromium:
        """Return a browser that answers."""
        if self._running is not None and not self._running.is_well():
            self.close()
        if self._running is None:
            self._started += 1
            profile = self._folder / f"profile-{self._started}"
            with _skipping():
                self._running = self._opened.enter_context(tool.chromium(profile))
        return self._running


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Run a browser on a new *profile*; skips if there is none."""
    with _skipping(), tool.browser(profile) as page:
        yield page


def other_hosts(page: Browser) -> set[str]:
    """Return every host that pages requested, except this one."""
    return {urlsplit(url).hostname or "" for url in page.requests} - {"", "blank", "127.0.0.1"}


@contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except tool.NoBrowserError as missing:
        pytest.skip(str(missing))
