"""Every page of the admin in a real browser: for everybody, at both widths, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.axe import faults
from tests.support.browser import WIDTHS, Browser, browser, other_hosts
from tests.support.signing_in import sign_in
from tests.support.stack import PATIENCE_SECONDS, Stack, until

HAND_WRITTEN = "Hello from a client of my own"
CHOOSER = ("aria-prohibited-attr",)
"""Django's chooser of two columns labels help icons that have no role; its script makes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the admin."""

    path: str
    """Below ``/admin/``; a word in braces stands for the key of a row."""
    shows: str
    """What stands on it once it is ready, in any case of letters."""
    excused: tuple[str, ...] = ()
    """Rules that it breaks by what is not ours; docs/operating.md says why."""


PAGES = {
    "feeds": Page(path="feeds/feed/", shows="20/s"),
    "feed": Page(path="feeds/feed/{feed}/change/", shows="next records"),
    "new-feed": Page(path="feeds/feed/add/", shows="messages per second"),
    "sessions": Page(path="feeds/clientsession/", shows="online"),
    "session": Page(path="feeds/clientsession/{alice}/change/", shows="newest connections"),
    "disconnect": Page(path="feeds/clientsession/disconnect/?id={bob}", shows="farewell"),
    "notice": Page(path="feeds/clientsession/notice/?id={bob}", shows="one line"),
    "forget": Page(path="feeds/clientsession/forget/?id={bob}", shows="left out"),
    "reports": Page(path="feeds/blockreport/", shows="verified"),
    "no-reports": Page(path="feeds/blockreport/?verdict__exact=broken", shows="0 block reports"),
    "report": Page(path="feeds/blockreport/{report}/change/", shows="digest"),
    "analysis": Page(path="feeds/blockreport/analysis/", shows="by block size and clients"),
    "messages": Page(path="feeds/clientmessage/", shows=HAND_WRITTEN),
    "message": Page(path="feeds/clientmessage/{message}/change/", shows=HAND_WRITTEN),
    "accounts": Page(path="auth/user/", shows="1 user"),
    "account": Page(path="auth/user/1/change/", shows="permissions", excused=CHOOSER),
    "new-account": Page(path="auth/user/add/", shows="username"),
    "password": Page(path="password_change/", shows="old password"),
    "roles": Page(path="auth/group/", shows="0 groups"),
    "new-role": Page(path="auth/group/add/", shows="permissions", excused=CHOOSER),
    "dashboard": Page(
        path="", shows="messages that the client furthest behind lacked"
    ),  # hidden before a sample
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything once: alice collected and left, bob is there, and a guest said something."""
    one = Stack(tmp_path_factory.mktemp("admin"))
    try:
        one.server()
        one.generator("--rate=20")
        with connect(one.url) as guest:
            guest.send(HAND_WRITTEN)
            one.client("bob", "--block-size=100000")
            one.client("alice", "--block-size=5", "--blocks=3").process.wait(PATIENCE_SECONDS)
        stored = (
            "SELECT (SELECT count(*) FROM feeds_clientmessage), count(*) FROM feeds_blockreport"
        )
        until(lambda: one.rows(stored) == [(1, 3)], lambda: f"stored are {one.rows(stored)}")
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def operator(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Open a browser, and sign in."""
    with browser(tmp_path_factory.mktemp("operator") / "profile") as page:
        sign_in(stack, page)
        yield page


def address(stack: Stack, path: str) -> str:
    """Return the address of a page of the admin, with the keys of rows filled in."""
    keys = {
        "feed": "SELECT id FROM feeds_feed WHERE name = 'users'",
        "alice": "SELECT id FROM feeds_clientsession WHERE client = 'alice'",
        "bob": "SELECT id FROM feeds_clientsession WHERE client = 'bob'",
        "report": "SELECT min(id) FROM feeds_blockreport",
        "message": "SELECT id FROM feeds_clientmessage",
    }
    named = {name: stack.rows(query)[0][0] for name, query in keys.items()}
    return f"http://127.0.0.1:{stack.port}/admin/{path.format(**named)}"


def inspect(page: Browser, url: str, one: Page) -> None:
    """Open a page at both widths, light and dark; nothing is wrong with it."""
    page.errors.clear()
    page.requests.clear()
    for width in WIDTHS:
        for dark in (False, True):
            page.open(url, width=width, dark=dark)
            page.wait_for(f"document.body.innerText.toLowerCase().includes({one.shows.lower()!r})")
            look = f"{width} pixels, {'dark' if dark else 'light'}"
            assert page.evaluate("location.href") == url
            assert page.evaluate("document.documentElement.classList.contains('dark')") is dark
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
            found = [fault for fault in faults(page) if fault["id"] not in one.excused]
            assert found == [], look
    assert page.errors == []
    assert other_hosts(page) == set()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_for_everybody(stack: Stack, operator: Browser, name: str) -> None:
    """No serious fault by axe-core, no error, no other host, nothing beside the window."""
    inspect(operator, address(stack, PAGES[name].path), PAGES[name])


def test_signing_in_is_for_everybody(stack: Stack, tmp_path: Path) -> None:
    """The same holds for the page that asks who one is."""
    with browser(tmp_path / "profile") as page:
        inspect(page, address(stack, "login/"), Page(path="login/", shows="password"))


def test_pale_text_is_found(stack: Stack, operator: Browser) -> None:
    """Text too pale to be read is a fault, also in the notation of colours that unfold uses."""
    operator.open(address(stack, "feeds/feed/add/"))
    operator.evaluate("document.querySelector('label').style.color = 'oklch(85% 0 0)'")
    assert [fault["id"] for fault in faults(operator)] == ["color-contrast"]
