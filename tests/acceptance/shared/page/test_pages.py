"""Every page in a real browser: correct, and without errors."""

from __future__ import annotations

import pytest

from tests.support.browser import SCROLL_WIDTH, WIDTHS, Browser
from tests.support.busy_stack import HAND_WRITTEN, BusyStack, ShakenStack
from tests.support.signing_in import admin_of
from tests.support.stack import Stack

LISTS = {
    "feed/": ("arrays", "users", "20/s"),
    "clientsession/?q=alice": ("alice", "online"),
    "clientsession/?q=guest": ("guest",),
    "blockreport/": ("alice", "verified"),
    "clientmessage/": ("guest", HAND_WRITTEN),
}
"""Texts in the rows of each list of the admin, in any case of letters."""


def home(stack: Stack) -> str:
    """Return the address of the page on /."""
    return f"http://127.0.0.1:{stack.port}/"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_updates_itself(busy: BusyStack, operator: Browser, width: int, *, dark: bool) -> None:
    """The page shows the client and its next block without a reload."""
    operator.open(home(busy), width=width, dark=dark)
    operator.wait_for("document.body.innerText.includes('alice received')")
    now = operator.evaluate("document.body.innerText.match(/alice received (\\d+) block/)[1]")
    operator.wait_for(
        f"Number(document.body.innerText.match(/alice received (\\d+) block/)[1]) > {now}"
    )
    assert f"ws://127.0.0.1:{busy.port}/" in operator.evaluate("document.body.innerText")
    assert operator.evaluate(SCROLL_WIDTH) <= width


def test_page_reports_an_outage_and_recovers(shaken: ShakenStack, visited: Browser) -> None:
    """While the server is down, the page reports it; afterwards it continues."""
    visited.open(home(shaken))
    visited.wait_for("document.body.innerText.includes('Live')")
    shaken.running.stop()
    visited.wait_for("document.body.innerText.includes('The server does not answer')")
    shaken.start_server()
    visited.wait_for("document.body.innerText.includes('Live')")


def test_admin_lists_show_their_rows(busy: BusyStack, operator: Browser) -> None:
    """Every list shows its rows at both widths, and links to their pages."""
    lists = f"{admin_of(busy)}feeds/"
    for path, words in LISTS.items():
        operator.open(f"{lists}{path}")
        rows = "(document.querySelector('#result_list')?.innerText ?? '').toLowerCase()"
        for width in WIDTHS:
            operator.resize(width)
            for word in words:
                operator.wait_for(f"{rows}.includes({word.lower()!r})")
            operator.wait_for(f"{SCROLL_WIDTH} <= {width}")
    operator.open(f"{lists}clientsession/?q=alice")
    first = "document.querySelector('#result_list a[href*=clientsession]').href"
    operator.open(operator.evaluate(first))
    assert "alice" in operator.evaluate("document.body.innerText")
    operator.open(f"{lists}feed/")
    first = "document.querySelector('#result_list a[href*=\"feed/\"]').href"
    operator.open(operator.evaluate(first))
    operator.wait_for("document.body.innerText.toLowerCase().includes('next records')")


# Each canvas with a chart: whether it has a line of points and enough width.
DRAWN = """
[...document.querySelectorAll('canvas.chart')].map(canvas =>
  Chart.getChart(canvas).data.datasets.every(line => line.data.length > 0)
  && canvas.getBoundingClientRect().width > 200)
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_analysis_is_linked_and_drawn(busy: BusyStack, operator: Browser, *, dark: bool) -> None:
    """The sidebar links the analysis, which fits both widths and draws the reports."""
    operator.open(admin_of(busy), dark=dark)
    address = operator.evaluate(
        "document.querySelector('nav a[href*=analysis], a[href*=analysis]').href"
    )
    for width in WIDTHS:
        operator.open(address, width=width, dark=dark)
        operator.wait_for("document.querySelectorAll('canvas.chart').length === 5")
        assert operator.evaluate(DRAWN) == [True] * 5
        assert operator.evaluate(SCROLL_WIDTH) <= width
        said = operator.evaluate("document.body.innerText")
        assert "By feeds, rate, block size and clients" in said
    operator.open(f"{address}?label=nothing-like-it")
    assert "There is nothing to analyse" in operator.evaluate("document.body.innerText")
