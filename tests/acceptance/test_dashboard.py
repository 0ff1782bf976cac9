"""The admin's first page in a real browser: true without a reload, at both widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.test_pages import WIDTHS, sign_in
from tests.support.browser import Browser, browser
from tests.support.stack import Stack

# The charts that hold a figure, and are wide enough to be read.
DRAWN = """
[...document.querySelectorAll('#charts canvas')].filter(canvas =>
  Chart.getChart(canvas).data.datasets.every(line => line.data.some(value => value !== null))
  && canvas.getBoundingClientRect().width > 200).length
"""
HEAD = "Number(document.querySelector('#feeds [data-field=head]').textContent.replaceAll(',', ''))"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    """Open a browser; at the end it has asked no other host."""
    with browser(tmp_path / "profile") as one:
        yield one
        hosts = {urlsplit(url).hostname for url in one.requests} - {None, "", "blank"}
        assert hosts <= {"127.0.0.1"}, hosts


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_dashboard_draws_what_happens(stack: Stack, page: Browser, *, dark: bool) -> None:
    """From an empty hour on, the page fills itself: tiles, heads and all six charts."""
    stack.server()
    admin = sign_in(stack, page)
    page.open(admin, dark=dark)
    assert "Nothing is stored of the last hour" in page.evaluate("document.body.innerText")
    stack.generator("--rate=20")
    stack.client("alice", "--block-size=5").wait_for("Block 2 received successfully")
    page.wait_for(f"({DRAWN}) === 6")
    head = page.evaluate(HEAD)
    page.wait_for(f"{HEAD} > {head}")
    text = page.evaluate("document.body.innerText")
    assert "Nothing is stored" not in text
    assert "100 %" in text
    for width in WIDTHS:
        page.open(admin, width=width, dark=dark)
        page.wait_for(f"({DRAWN}) === 6")
        page.wait_for("document.body.innerText.includes('Live,')")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not page.errors, page.errors


def test_dashboard_says_that_the_server_is_gone_and_comes_back(stack: Stack, page: Browser) -> None:
    """While the server is away the page says so; then it goes on by itself."""
    server = stack.server()
    page.open(sign_in(stack, page))
    page.wait_for("document.body.innerText.includes('Live,')")
    server.stop()
    page.wait_for("document.body.innerText.includes('The server does not answer')")
    stack.server()
    page.wait_for("document.body.innerText.includes('Live,')")
