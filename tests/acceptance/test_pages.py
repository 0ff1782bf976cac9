"""Every page in a real browser: it shows the truth, and nothing goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.browser import WIDTHS, Browser, browser
from tests.support.signing_in import sign_in
from tests.support.stack import Stack, until

HAND_WRITTEN = "Hello from a client of my own"
LISTS = {
    "feed": ("arrays", "users", "20/s"),
    "clientsession": ("alice", "online", "guest"),
    "blockreport": ("alice", "verified"),
    "clientmessage": ("guest", HAND_WRITTEN),
}
"""What stands in the rows of each list of the admin, in any case of letters."""


@pytest.fixture
def busy(stack: Stack) -> Stack:
    """Start everything, and let a client collect a block."""
    stack.server()
    stack.generator("--rate=20")
    client = stack.client("alice", "--block-size=5")
    client.wait_for("Block 2 received successfully")
    return stack


def home(stack: Stack) -> str:
    """Return the address of the page on /."""
    return f"http://127.0.0.1:{stack.port}/"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_updates_itself(busy: Stack, page: Browser, width: int, *, dark: bool) -> None:
    """The page shows the client, and its next block without a reload."""
    page.open(home(busy), width=width, dark=dark)
    page.wait_for("document.body.innerText.includes('alice received')")
    now = page.evaluate("document.body.innerText.match(/alice received (\\d+) block/)[1]")
    page.wait_for(
        f"Number(document.body.innerText.match(/alice received (\\d+) block/)[1]) > {now}"
    )
    assert f"ws://127.0.0.1:{busy.port}/" in page.evaluate("document.body.innerText")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_page_says_that_the_server_is_gone_and_comes_back(stack: Stack, tmp_path: Path) -> None:
    """While the server is away the page says so; then it goes on by itself."""
    server = stack.server()
    with browser(tmp_path / "profile") as page:
        page.open(home(stack))
        page.wait_for("document.body.innerText.includes('Live')")
        server.stop()
        page.wait_for("document.body.innerText.includes('The server does not answer')")
        stack.server()
        page.wait_for("document.body.innerText.includes('Live')")


def test_admin(busy: Stack, page: Browser) -> None:
    """Every list shows its rows at both widths, and leads to pages with what they must show."""
    with connect(busy.url) as guest:
        guest.send(HAND_WRITTEN)
        until(
            lambda: busy.rows("SELECT count(*) FROM feeds_clientmessage") == [(1,)],
            lambda: "the message was not stored",
        )
    admin = sign_in(busy, page)
    for width in WIDTHS:
        for name, words in LISTS.items():
            page.open(f"{admin}feeds/{name}/", width=width)
            rows = "(document.querySelector('#result_list')?.innerText ?? '').toLowerCase()"
            for word in words:
                page.wait_for(f"{rows}.includes({word.lower()!r})")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.open(f"{admin}feeds/clientsession/?q=alice")
    page.open(page.evaluate("document.querySelector('#result_list a[href*=clientsession]').href"))
    assert "alice" in page.evaluate("document.body.innerText")
    page.open(f"{admin}feeds/feed/")
    page.open(page.evaluate("document.querySelector('#result_list a[href*=\"feed/\"]').href"))
    page.wait_for("document.body.innerText.toLowerCase().includes('next records')")


# The page's own charts, drawn: as many as there are canvases, each with a line of points.
DRAWN = """
[...document.querySelectorAll('canvas.chart')].map(canvas =>
  Chart.getChart(canvas).data.datasets.every(line => line.data.length > 0)
  && canvas.getBoundingClientRect().width > 200)
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_analysis(busy: Stack, page: Browser, *, dark: bool) -> None:
    """The analysis is led to by the sidebar, fits both widths, and draws what was reported."""
    page.open(sign_in(busy, page), dark=dark)
    address = page.evaluate(
        "document.querySelector('nav a[href*=analysis], a[href*=analysis]').href"
    )
    for width in WIDTHS:
        page.open(address, width=width, dark=dark)
        page.wait_for("document.querySelectorAll('canvas.chart').length === 5")
        assert page.evaluate(DRAWN) == [True] * 5
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "By feeds, rate, block size and clients" in page.evaluate("document.body.innerText")
    page.open(f"{address}?label=nothing-like-it")
    assert "There is nothing to analyse" in page.evaluate("document.body.innerText")
