"""The browser that tests share: no test notices what another one did to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.browser import SharedBrowser

ADDRESS = "http://127.0.0.1/"


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[SharedBrowser]:
    """Give a test its own shared browser."""
    with closing(SharedBrowser(tmp_path)) as one:
        yield one


def test_pages_share_no_cookies(shared: SharedBrowser) -> None:
    """A cookie of one page is unknown to the next page and to the kept one."""
    with shared.page() as page:
        page.call("Network.setCookie", name="a", value="b", url=ADDRESS)
        assert len(page.call("Network.getCookies", urls=[ADDRESS])["cookies"]) == 1
    kept = shared.kept()
    with shared.page() as page:
        for other in (page, kept):
            assert other.call("Network.getCookies", urls=[ADDRESS])["cookies"] == []


def test_crash_fails_one_test_only(shared: SharedBrowser) -> None:
    """A crash of a page or a browser fails at once; the next page is a new one."""
    first = shared.kept()
    assert shared.kept() is first
    with pytest.raises(AssertionError, match="the page crashed"):
        first.open("chrome://crash")
    second = shared.kept()
    assert second is not first
    with pytest.raises(ConnectionClosed), shared.page() as page:
        page.call("Browser.crash")
    third = shared.kept()
    assert third is not second
    assert third.evaluate("1 + 1") == 2
