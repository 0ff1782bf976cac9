"""Every page of the admin in a real browser: accessible, at both widths, light and dark."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from feeds.admin.recipes import RECIPES
from tests.support.axe import faults
from tests.support.browser import SCROLL_WIDTH, WIDTHS, Browser
from tests.support.busy_stack import HAND_WRITTEN, BusyStack
from tests.support.signing_in import admin_of

CHOOSER = ("aria-prohibited-attr",)
"""The script of Django's two-column chooser labels its help icons, but gives them no role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the admin."""

    path: str
    """The path below ``/admin/``; a word in braces stands for the key of a row."""
    shows: str
    """Text on the page once it is ready, in any case of letters."""
    excused: tuple[str, ...] = ()
    """Rules that third-party parts of the page break; docs/how-to/admin.md explains them."""


PAGES = {
    "feeds": Page(path="feeds/feed/", shows="20/s"),
    "feed": Page(path="feeds/feed/{feed}/change/", shows="next records"),
    "new-feed": Page(path="feeds/feed/add/", shows="messages per second"),
    "sessions": Page(path="feeds/clientsession/", shows="online"),
    "session": Page(path="feeds/clientsession/{carol}/change/", shows="newest connections"),
    "disconnect": Page(path="feeds/clientsession/disconnect/?id={bob}", shows="told why"),
    "notice": Page(path="feeds/clientsession/notice/?id={bob}", shows="one line"),
    "forget": Page(path="feeds/clientsession/forget/?id={bob}", shows="selected sessions"),
    "reports": Page(path="feeds/blockreport/?q=carol", shows="verified"),
    "no-reports": Page(
        path="feeds/blockreport/?verdict__exact=unverifiable", shows="0 block reports"
    ),
    "report": Page(path="feeds/blockreport/{report}/change/", shows="digest"),
    "analysis": Page(path="feeds/blockreport/analysis/", shows="block size and clients"),
    "messages": Page(path="feeds/clientmessage/", shows=HAND_WRITTEN),
    "message": Page(path="feeds/clientmessage/{message}/change/", shows=HAND_WRITTEN),
    "accounts": Page(path="auth/user/", shows="1 user"),
    "account": Page(path="auth/user/1/change/", shows="permissions", excused=CHOOSER),
    "new-account": Page(path="auth/user/add/", shows="username"),
    "password": Page(path="password_change/", shows="old password"),
    "roles": Page(path="auth/group/", shows="2 groups"),
    "new-role": Page(path="auth/group/add/", shows="permissions", excused=CHOOSER),
    "dashboard": Page(
        path="", shows="lag of the client that was furthest behind, in messages"
    ),  # hidden until there is a sample
}


def address(busy: BusyStack, path: str) -> str:
    """Return the address of an admin page, with keys of rows filled in."""
    keys = {
        "feed": "SELECT id FROM feeds_feed WHERE name = 'users'",
        "carol": "SELECT id FROM feeds_clientsession WHERE client = 'carol'",
        "bob": "SELECT id FROM feeds_clientsession WHERE client = 'bob'",
        "report": "SELECT min(id) FROM feeds_blockreport",
        "message": "SELECT id FROM feeds_clientmessage",
    }
    named = {name: busy.rows(query)[0][0] for name, query in keys.items()}
    return admin_of(busy) + path.format(**named)


def inspect(page: Browser, url: str, one: Page) -> None:
    """Open a page light and dark, at both widths; check that nothing is wrong with it."""
    for dark in (False, True):
        page.open(url, width=min(WIDTHS), dark=dark)
        for width in sorted(WIDTHS):
            page.resize(width)
            page.wait_for(f"document.body.innerText.toLowerCase().includes({one.shows.lower()!r})")
            look = f"{width} pixels, {'dark' if dark else 'light'}"
            assert page.evaluate("location.href") == url
            assert page.evaluate("document.documentElement.classList.contains('dark')") is dark
            assert page.evaluate(SCROLL_WIDTH) <= width, look
            found = [fault for fault in faults(page) if fault["id"] not in one.excused]
            assert found == [], look


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible(busy: BusyStack, operator: Browser, name: str) -> None:
    """The page has no serious axe-core fault, no error, no other host and no overflow."""
    inspect(operator, address(busy, PAGES[name].path), PAGES[name])


def test_sign_in_page_is_accessible(busy: BusyStack, page: Browser) -> None:
    """The sign-in page meets the same conditions."""
    inspect(page, address(busy, "login/"), Page(path="login/", shows="password"))


def test_pale_text_is_found(busy: BusyStack, operator: Browser) -> None:
    """Low contrast is found as a fault, even in the colour notation that unfold uses."""
    operator.open(address(busy, "feeds/feed/add/"))
    operator.evaluate("document.querySelector('label').style.color = 'oklch(85% 0 0)'")
    assert [fault["id"] for fault in faults(operator)] == ["color-contrast"]


@pytest.mark.parametrize("name", ["sessions", "reports"])
def test_row_of_a_list_is_short_on_a_phone(busy: BusyStack, operator: Browser, name: str) -> None:
    """At 390 pixels fifty rows take a third of the 21,000 pixels of unfold's own layout."""
    operator.open(address(busy, PAGES[name].path), width=min(WIDTHS))
    operator.wait_for("document.querySelector('.data-row') !== null")
    rows = "[...document.querySelectorAll('.data-row')].map(row => row.offsetHeight)"
    assert 0 < max(operator.evaluate(rows)) <= 140


def test_session_with_charts_becomes_narrow_again(busy: BusyStack, operator: Browser) -> None:
    """A window that is made narrower after the charts were drawn shows the whole page."""
    operator.open(address(busy, PAGES["session"].path), width=max(WIDTHS))
    operator.wait_for("document.querySelector('canvas')?.offsetWidth > 390")
    operator.resize(min(WIDTHS))
    operator.wait_for(f"{SCROLL_WIDTH} === {min(WIDTHS)}")


def test_feeds_of_the_dashboard_fit_a_phone(busy: BusyStack, operator: Browser) -> None:
    """At 390 pixels no column of the table of feeds is cut off."""
    operator.open(address(busy, ""), width=min(WIDTHS))
    table = "document.querySelector('.dashboard-feeds')"
    operator.wait_for(f"{table} !== null")
    assert operator.evaluate(f"{table}.scrollWidth <= {table}.clientWidth")


def test_example_fills_in_the_form(busy: BusyStack, operator: Browser) -> None:
    """One click on an example fills in its spec and its kind."""
    operator.open(address(busy, "feeds/feed/add/"))
    recipe = RECIPES[-1]
    operator.evaluate("[...document.querySelectorAll('.recipes button')].at(-1).click()")
    filled = "[document.getElementById('id_kind').value, document.getElementById('id_spec').value]"
    assert operator.evaluate(filled) == [recipe.kind, recipe.text]
