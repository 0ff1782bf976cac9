"""The admin's first page in a real browser: current without a reload, at both widths."""

from __future__ import annotations

from itertools import product

from tests.support.browser import SCROLL_WIDTH, WIDTHS, Browser
from tests.support.busy_stack import ShakenStack
from tests.support.signing_in import sign_in
from tests.support.stack import Stack

# The charts that have a value, and are wide enough to read.
DRAWN = """
[...document.querySelectorAll('#charts canvas')].filter(canvas =>
  Chart.getChart(canvas).data.datasets.every(line => line.data.some(value => value !== null))
  && canvas.getBoundingClientRect().width > 200).length
"""
COUNTED = slice(1, 3)
"""The charts of sessions and of the lag in messages."""
MARKS = """
[...document.querySelectorAll('#charts canvas')].map(canvas =>
  Chart.getChart(canvas).scales.y.ticks.map(tick => tick.label))
"""
HEAD = "Number(document.querySelector('#feeds [data-field=head]').textContent.replaceAll(',', ''))"


def test_dashboard_updates_itself(stack: Stack, page: Browser) -> None:
    """The open page fills with tiles, heads, and six charts with clear tick marks."""
    stack.server()
    admin = sign_in(stack, page)
    page.open(admin)
    stack.generator("--rate=20")
    stack.client("alice", "--block-size=5").wait_for("Block 2 received successfully")
    page.wait_for(f"({DRAWN}) === 6")
    head = page.evaluate(HEAD)
    page.wait_for(f"{HEAD} > {head}")
    text = page.evaluate("document.body.innerText")
    assert "Nothing is stored" not in text
    assert "100 %" in text
    for width, dark in product(WIDTHS, (False, True)):
        page.open(admin, width=width, dark=dark)
        page.wait_for(f"({DRAWN}) === 6")
        page.wait_for("document.body.innerText.includes('Live,')")
        assert page.evaluate(SCROLL_WIDTH) <= width
        marks = page.evaluate(MARKS)
        assert all(len(set(labels)) == len(labels) > 1 for labels in marks), marks
        assert all("." not in label for labels in marks[COUNTED] for label in labels), marks


def test_dashboard_reports_an_outage_and_recovers(shaken: ShakenStack, visited: Browser) -> None:
    """While the server is down, the page reports it; afterwards it continues."""
    visited.open(sign_in(shaken, visited))
    visited.wait_for("document.body.innerText.includes('Live,')")
    shaken.running.stop()
    visited.wait_for("document.body.innerText.includes('The server does not answer')")
    shaken.start_server()
    visited.wait_for("document.body.innerText.includes('Live,')")
