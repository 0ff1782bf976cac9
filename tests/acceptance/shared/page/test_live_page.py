"""The page on / in a real browser: live messages, and a client like any other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count, pairwise
from typing import Any

import pytest

from tests.integration.test_client_in_javascript import message, say, welcome
from tests.support.axe import faults
from tests.support.browser import SCROLL_WIDTH, WIDTHS, Browser
from tests.support.busy_stack import BusyStack, ShakenStack
from tests.support.signing_in import admin_of
from tests.support.stack import Stack, until

VISITORS = count(1)
"""Each client in a page gets a unique name, because many share one installation."""
LOOKS = (
    "performance.getEntriesByType('resource').filter(e => e.name.includes('status.json')).length"
)
"""The number of times that the page requested the server's status."""

SENTENCE = "document.querySelector('#client .sentence').textContent"
VERIFIED = "document.querySelectorAll('#client tr[data-state=verified]').length"
NEWEST = "Number(document.querySelector('#messages [data-field=offset]')?.textContent ?? 0)"
ROWS = "document.querySelectorAll('#messages tr').length"
PAUSE = "document.querySelector('#hold').click()"

# Counts how often the newest row was replaced by an older one.
WATCH_BACKWARD = f"""
window.backward = 0;
let newest = {NEWEST};
new MutationObserver(() => {{
  const now = {NEWEST};
  if (now < newest) backward += 1;
  newest = now;
}}).observe(document.querySelector('#messages'), {{ childList: true }});
"""

# Plays [verb, messages as [offset, at_us]] to a list of three rows; shown gets their offsets.
PLAY_ROWS = """
window.shown = undefined;
import("/static/feeds/stream.js").then(({ Stream }) => {
  const rows = document.createElement("tbody");
  rows.dataset.lastUs = 0;
  const stream = new Stream(rows, document.getElementById("message-template"), 3);
  for (const [verb, pairs] of SCRIPT) {
    const messages = pairs.map(([offset, at_us]) => ({ offset, at_us }));
    if (verb === "show") stream.show(messages);
    else messages.forEach((message) => stream.add(message));
  }
  shown = [...rows.querySelectorAll("[data-field=offset]")].map((cell) => Number(cell.textContent));
});
"""

# Replaces the socket: sends the frames of a script once there is a listener.
SAY_FRAMES = """
window.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  constructor() { setTimeout(() => SCRIPT.forEach((data) => this.onmessage({ data }))); }
  send() {}
  close() {}
};
"""


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Keep a server without a generator, for tests that only look at it."""
    with closing(Stack(tmp_path_factory.mktemp("quiet"))) as one:
        one.server()
        yield one


def home(stack: Stack) -> str:
    """Return the address of the page on /."""
    return f"http://127.0.0.1:{stack.port}/"


def start(page: Browser, *, feeds: tuple[str, ...] = ("users",), size: int = 5) -> str:
    """Fill in the form and press Start like a user; return the client's name."""
    wanted = json.dumps(feeds)
    page.wait_for("!document.querySelector('#client form').hidden")
    page.evaluate(
        "document.querySelectorAll('.choices input').forEach(box => {"
        f" if (box.checked !== {wanted}.includes(box.value)) box.click() }});"
        f"document.querySelector('[name=client]').value += '-{next(VISITORS)}';"
        f"document.querySelector('[name=size]').value = '{size}'"
    )
    name = str(page.evaluate("document.querySelector('[name=client]').value"))
    assert name.startswith("browser-")
    page.evaluate("document.querySelector('#client [type=submit]').click()")
    return name


def reports(stack: Stack, name: str, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of a client's stored reports."""
    return stack.rows(
        f"SELECT {columns} FROM feeds_blockreport JOIN feeds_clientsession s ON s.id = session_id "
        "WHERE client = ? ORDER BY number",
        name,
    )


def sessions(stack: Stack, name: str) -> list[tuple[Any, ...]]:
    """Return the status of each of a client's sessions."""
    return stack.rows("SELECT status FROM feeds_clientsession WHERE client = ?", name)


def figure(name: str) -> str:
    """Return the expression for one of the client's figures."""
    return f"Number(document.querySelector('.figures [data-field={name}]').textContent)"


def press(page: Browser, key: str, *, code: int, text: str = "") -> None:
    """Press and release a key."""
    named = {"key": key, "windowsVirtualKeyCode": code, "text": text}
    page.call("Input.dispatchKeyEvent", type="keyDown", **named)
    page.call("Input.dispatchKeyEvent", type="keyUp", **named)


def tab_to(page: Browser, selector: str) -> None:
    """Move the focus to an element with the Tab key, as a user without a mouse does."""
    for _ in range(60):
        press(page, "Tab", code=9)
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    raise AssertionError(f"the Tab key does not reach {selector}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_shows_live_messages(busy: BusyStack, operator: Browser, width: int, *, dark: bool) -> None:
    """New messages appear at the top, in a bounded number of rows, within the page's width."""
    operator.open(home(busy), width=width, dark=dark)
    newest = operator.evaluate(NEWEST)
    operator.wait_for(f"{NEWEST} > {newest + 30}")
    assert operator.evaluate(ROWS) == 10
    assert operator.evaluate(SCROLL_WIDTH) <= width
    assert operator.evaluate("document.querySelector('[data-field=rate]').textContent") == "40"


def test_feed_can_be_changed_without_a_reload(busy: BusyStack, operator: Browser) -> None:
    """The selected feed is shown, marked, and named in the address."""
    operator.open(home(busy))
    operator.wait_for(f"{NEWEST} > 0")
    operator.evaluate("window.kept = true; [...document.querySelectorAll('.feed a')][0].click()")
    operator.wait_for("document.querySelector('#messages .record')?.textContent.startsWith('[')")
    assert operator.evaluate("kept && location.search") == "?watch=arrays"
    assert operator.evaluate("document.querySelector('[aria-current]').textContent") == "arrays"
    operator.open(home(busy) + "?watch=arrays")
    assert operator.evaluate("document.querySelector('#watched').textContent") == "arrays"


def test_rows_can_be_paused(busy: BusyStack, operator: Browser) -> None:
    """While paused the rows stay, although the rest updates; afterwards they catch up."""
    operator.open(home(busy))
    operator.wait_for(f"{NEWEST} > 0")
    held = operator.evaluate(f"{PAUSE}; {NEWEST}")
    shown = "document.querySelectorAll('.feed [data-field=head]')[1].textContent"
    head = f"Number({shown}.replaceAll(',', ''))"
    operator.wait_for(f"{head} > {held + 40}")
    assert operator.evaluate(NEWEST) == held
    operator.evaluate(PAUSE)
    operator.wait_for(f"{NEWEST} > {held + 40}")


def test_paused_list_stays_paused_with_another_feed(busy: BusyStack, operator: Browser) -> None:
    """The other feed's rows are shown once, and stay until the list is resumed."""
    operator.open(home(busy))
    operator.wait_for(f"{NEWEST} > 0")
    operator.evaluate(f"{PAUSE}; [...document.querySelectorAll('.feed a')][0].click()")
    operator.wait_for("document.querySelector('#messages .record')?.textContent.startsWith('[')")
    held = operator.evaluate(NEWEST)
    pressed = "document.querySelector('#hold').getAttribute('aria-pressed')"
    assert operator.evaluate(pressed) == "true"
    looks = operator.evaluate(LOOKS)
    operator.wait_for(f"{LOOKS} > {looks + 2}")
    assert operator.evaluate(NEWEST) == held
    operator.evaluate(PAUSE)
    operator.wait_for(f"{NEWEST} > {held}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_records_and_clients_have_cards(
    busy: BusyStack, operator: Browser, width: int, *, dark: bool
) -> None:
    """A click or Enter opens an accessible card within the width; Escape closes it."""
    operator.open(home(busy), width=width, dark=dark)
    operator.wait_for("document.body.innerText.includes('Live')")
    card = "document.querySelector('dialog[open] #card')?.innerText"
    operator.evaluate("document.querySelector('#messages .record').click()")
    operator.wait_for(f"{card}?.includes('\\n  \"username\":')")
    assert faults(operator) == []
    press(operator, "Escape", code=27)
    operator.wait_for("document.querySelector('dialog[open]') === null")
    operator.evaluate(
        "[...document.querySelectorAll('#clients a')].find(a => a.textContent === 'alice').focus()"
    )
    press(operator, "Enter", code=13, text="\r")
    operator.wait_for(f"{card}?.includes('Open the session in the admin')")
    assert faults(operator) == []
    assert operator.evaluate(SCROLL_WIDTH) <= width
    address = operator.evaluate("document.querySelector('dialog[open] #card a').href")
    assert "/admin/feeds/clientsession/" in address


def test_last_client_is_complete_on_a_phone(busy: BusyStack, operator: Browser) -> None:
    """The box of clients ends below the last card, with one client and with eight."""
    operator.open(home(busy), width=390)
    operator.wait_for("document.body.innerText.includes('Live')")
    below = operator.evaluate(
        "const list = document.querySelector('#clients');"
        "while (list.children.length < 8) list.append(list.children[0].cloneNode(true));"
        "list.closest('.clients-box').getBoundingClientRect().bottom"
        " - list.lastElementChild.getBoundingClientRect().bottom"
    )
    assert below >= 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_sparklines_are_drawn(busy: BusyStack, operator: Browser, *, dark: bool) -> None:
    """Each feed and each tile has a line with a description, in a visible colour."""
    operator.open(home(busy), dark=dark)
    operator.wait_for("document.querySelectorAll('.feed .spark path:not([d=\"\"])').length === 2")
    said = "[...document.querySelectorAll('.spark')].map(svg => svg.getAttribute('aria-label'))"
    lines = operator.evaluate(said)
    assert len(lines) == 8
    assert all("last 10 minutes" in line.lower() for line in lines)
    assert lines[-1].endswith("/s")


def test_rows_never_go_backward(busy: BusyStack, operator: Browser) -> None:
    """Rows from the client in the page stay, even if the server's status is older."""
    operator.open(home(busy))
    start(operator)
    operator.wait_for(f"{VERIFIED} >= 1")
    operator.evaluate(WATCH_BACKWARD)
    looks = operator.evaluate(LOOKS)
    operator.wait_for(f"{LOOKS} > {looks + 3}")
    assert operator.evaluate("backward") == 0
    assert operator.evaluate(ROWS) == 10


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param(
            [("show", [(3, 30), (2, 20)]), ("add", [(40, 400)]), ("show", [(20, 200)])],
            [40, 3, 2],
            id="an older end of this feed",
        ),
        pytest.param(
            [("show", [(3, 30), (2, 20)]), ("show", [(1, 40)])], [1], id="the end of another feed"
        ),
        pytest.param(
            [("add", [(40, 400)]), ("show", [(2, 500), (1, 490)]), ("add", [(3, 510)])],
            [3, 2, 1],
            id="another feed, that of the client before it",
        ),
        pytest.param(
            [("show", [(3, 30)]), ("show", [])], [], id="another feed, which has not begun"
        ),
        pytest.param([("add", [(1, 10)]), ("show", [])], [1], id="an end before the feed began"),
    ],
)
def test_rows_belong_to_one_feed(
    busy: BusyStack, operator: Browser, script: list[object], shown: list[int]
) -> None:
    """A lower newest offset is another feed's if its message was due later; otherwise it is old."""
    operator.open(home(busy))
    operator.evaluate(PLAY_ROWS.replace("SCRIPT", json.dumps(script)))
    operator.wait_for("window.shown !== undefined")
    assert operator.evaluate("shown") == shown


def test_broken_block_is_counted_once(busy: BusyStack, operator: Browser) -> None:
    """The cause of a broken block may arrive after its row is gone; it is not a new block."""
    told = [("broken", 1, ""), *(("verified", block, "") for block in range(2, 15))]
    told += [("broken", 1, "users 1 is altered"), ("verified", 15, "")]
    frames = [welcome(), *(message("users", offset) for offset in range(1, 16))]
    frames += [
        say("ack", block=block, verdict=verdict, reason=reason) for verdict, block, reason in told
    ]
    operator.open(home(busy))
    operator.evaluate(SAY_FRAMES.replace("SCRIPT", json.dumps(frames)))
    start(operator, size=1)
    operator.wait_for(f"{figure('verified')} === 14")
    assert [operator.evaluate(figure(name)) for name in ("blocks", "broken")] == [15, 1]


@pytest.mark.parametrize("width", WIDTHS)
def test_client_in_the_page_collects_blocks(busy: BusyStack, operator: Browser, width: int) -> None:
    """Blocks of one feed or of several are verified and stored; Stop ends the client."""
    operator.open(home(busy), width=width)
    name = start(operator, feeds=("users", "arrays"), size=6)
    operator.wait_for(f"{VERIFIED} >= 3")
    operator.wait_for(f"document.querySelector('#clients')?.textContent.includes('{name}')")
    operator.evaluate("document.querySelector('#client [type=submit]').click()")
    operator.wait_for(f"{SENTENCE}.startsWith('Left.')")
    stored = reports(busy, name, "number, size, verdict")
    assert len(stored) >= 3
    assert stored == [(number, 6, "verified") for number in range(1, len(stored) + 1)]
    assert operator.evaluate(SENTENCE) == f"Left. {len(stored)} blocks, {len(stored)} verified."
    until(lambda: sessions(busy, name) == [("left",)], lambda: "the session did not end")
    codes = busy.rows(
        "SELECT close_code FROM feeds_connection JOIN feeds_clientsession s ON s.id = session_id "
        "WHERE client = ?",
        name,
    )
    assert codes == [(1000,)]


def test_blocks_of_the_page_are_in_the_admin(busy: BusyStack, operator: Browser) -> None:
    """The admin's list has a row for a block of the page's client."""
    operator.open(home(busy))
    name = start(operator)
    operator.wait_for(f"{VERIFIED} >= 1")
    operator.open(f"{admin_of(busy)}feeds/blockreport/")
    operator.wait_for(f"document.querySelector('#result_list')?.innerText.includes('{name}')")
    # A client whose user opens another page has left, as after Stop.
    until(lambda: sessions(busy, name) == [("left",)], lambda: "the session did not end")


def test_client_in_the_page_survives_a_restart(shaken: ShakenStack, visited: Browser) -> None:
    """The page reports the outage, reconnects, and misses no message."""
    visited.open(home(shaken))
    name = start(visited)
    visited.wait_for(f"{VERIFIED} >= 2")
    shaken.running.stop()
    visited.wait_for(f"{SENTENCE}.startsWith('No connection (')")
    visited.wait_for("document.body.innerText.includes('The server does not answer; trying again')")
    before = visited.evaluate(figure("blocks"))
    shaken.start_server()
    visited.wait_for("document.body.innerText.includes('Live')")
    visited.wait_for(f"{figure('verified')} > {before} + 2")
    assert [visited.evaluate(figure(name)) for name in ("gaps", "broken")] == [0, 0]
    assert len(sessions(shaken, name)) == 1
    spans = [json.loads(text)["users"] for (text,) in reports(shaken, name, "ranges")]
    assert len(spans) > before
    assert all(b["first"] == a["last"] + 1 for a, b in pairwise(spans))


def test_missing_generator_is_explained(stack: Stack, page: Browser) -> None:
    """Feed, messages and client report that no generator runs, and show how to start it."""
    stack.server()
    page.open(home(stack))
    said = (
        "feed users is not running: it was never started; start it with: python manage.py generate"
    )
    assert page.evaluate("document.querySelector('#stream-sentence').textContent") == said
    assert page.evaluate("document.querySelector('#health').dataset.state") == "bad"
    start(page)
    page.wait_for(f"document.querySelector('#client .notice').textContent === '{said}'")
    stack.generator("--rate=20")
    page.wait_for(f"{VERIFIED} >= 1")
    page.wait_for("document.querySelector('#stream').dataset.state === 'running'")
    page.wait_for("document.querySelector('#health').innerText.startsWith('All is well')")
    # The notice that the feed runs disappears with the next block.
    page.wait_for("document.querySelector('#client .notice').textContent === ''")


def test_client_needs_a_feed(busy: BusyStack, operator: Browser) -> None:
    """A user who selects no feed is asked to select one, and no connection is opened."""
    operator.open(home(busy))
    name = start(operator, feeds=())
    operator.wait_for("document.querySelector('.complaint').textContent !== ''")
    assert operator.evaluate("document.querySelector('.complaint').textContent") == (
        "Choose at least one feed."
    )
    assert sessions(busy, name) == []


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("Zoë K.", True), ("-a", False), ("a ", True), ("", False), ("a/b", False), ("a-b@c+d", True)],
)
def test_names_are_checked_in_the_form(
    busy: BusyStack, operator: Browser, name: str, *, allowed: bool
) -> None:
    """The form accepts exactly the names that the server accepts."""
    operator.open(home(busy))
    field = "document.querySelector('[name=client]')"
    operator.wait_for("!document.querySelector('#client form').hidden")
    operator.evaluate(f"{field}.value = {json.dumps(name.strip())}")
    assert operator.evaluate(f"{field}.checkValidity()") is allowed


def test_broken_block_is_explained(busy: BusyStack, operator: Browser) -> None:
    """A client with a wrong digest explains its block to the server, and shows the reason."""
    operator.open(home(busy))
    # The digest is altered in transit, as if a line had been altered.
    operator.evaluate(
        "const send = WebSocket.prototype.send;"
        "WebSocket.prototype.send = function (text) {"
        ' send.call(this, text.replace(/"digest":"[0-9a-f]{4}/, \'"digest":"0000\')) }'
    )
    name = start(operator)
    operator.wait_for("document.querySelector('#client tr[data-state=broken]') !== null")
    operator.wait_for("document.querySelector('#client .reason').textContent.length > 10")
    until(
        lambda: reports(busy, name, "difference")[0] != (None,),
        lambda: "the block was not explained",
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_is_accessible(busy: BusyStack, operator: Browser, width: int, *, dark: bool) -> None:
    """Axe-core finds no serious fault, neither before the client runs nor while it runs."""
    operator.open(home(busy), width=width, dark=dark)
    operator.wait_for("document.body.innerText.includes('Live')")
    assert faults(operator) == []
    start(operator)
    operator.wait_for(f"{VERIFIED} >= 2")
    assert faults(operator) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_outages_are_accessible(quiet: Stack, page: Browser, *, dark: bool) -> None:
    """Axe-core finds no serious fault in a page that reports an outage."""
    page.open(home(quiet), dark=dark)
    start(page)
    page.wait_for("document.querySelector('#client .notice').textContent !== ''")
    assert faults(page) == []


def test_accessibility_fault_is_found(busy: BusyStack, operator: Browser) -> None:
    """An image without a description is found as a fault."""
    operator.open(home(busy))
    operator.evaluate("document.querySelector('.brand img').removeAttribute('alt')")
    assert [fault["id"] for fault in faults(operator)] == ["image-alt"]


def test_page_works_with_the_keyboard_alone(busy: BusyStack, operator: Browser) -> None:
    """Feed, pause, form and Stop are reached with Tab, and the focus is visible."""
    operator.open(home(busy))
    operator.wait_for("document.body.innerText.includes('Live')")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    tab_to(operator, ".feed:first-child a")
    assert operator.evaluate(
        "getComputedStyle(document.activeElement, '::after').outlineStyle"
    ) == ("solid")
    press(operator, "Enter", code=13, text="\r")
    operator.wait_for("document.querySelector('#watched').textContent === 'arrays'")
    tab_to(operator, "#hold")
    assert operator.evaluate(outline) == "solid"
    press(operator, " ", code=32, text=" ")
    assert (
        operator.evaluate("document.querySelector('#hold').getAttribute('aria-pressed')") == "true"
    )
    tab_to(operator, ".choices input")
    press(operator, " ", code=32, text=" ")
    tab_to(operator, "#client [type=submit]")
    assert operator.evaluate(outline) == "solid"
    press(operator, "Enter", code=13, text="\r")
    operator.wait_for(f"{VERIFIED} >= 1")
    assert operator.evaluate("document.activeElement.textContent") == "Stop"
    press(operator, "Enter", code=13, text="\r")
    operator.wait_for(f"{SENTENCE}.startsWith('Left.')")


def test_reduced_motion_is_respected(busy: BusyStack, operator: Browser) -> None:
    """With reduced motion nothing is animated while rows arrive."""
    moving = "document.getAnimations().length"
    operator.open(home(busy))
    operator.wait_for(f"{moving} > 0")
    reduced = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    operator.call("Emulation.setEmulatedMedia", features=reduced)
    newest = operator.evaluate(NEWEST)
    operator.wait_for(f"{NEWEST} > {newest + 20}")
    assert operator.evaluate(moving) == 0


def test_content_security_policy_is_enforced(busy: BusyStack, visited: Browser) -> None:
    """The browser runs no inline script and requests no other host."""
    visited.open(home(busy))
    visited.evaluate(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script);"
        "fetch('http://127.0.0.2/').catch(() => { window.refused = 1 })"
    )
    visited.wait_for("window.refused === 1")
    assert visited.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in visited.errors)


def test_page_survives_a_database_outage(shaken: ShakenStack, visited: Browser) -> None:
    """While its tables are missing, the page shows what to do; then it continues."""
    visited.open(home(shaken))
    visited.wait_for("document.body.innerText.includes('Live')")
    path = shaken.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("ALTER TABLE feeds_blockreport RENAME TO feeds_gone")
        visited.wait_for("document.body.innerText.includes('The database does not answer')")
        assert "python manage.py migrate" in visited.evaluate("document.body.innerText")
        visited.open(home(shaken))
        visited.wait_for("document.body.innerText.includes('The page is waiting for its database')")
        database.execute("ALTER TABLE feeds_gone RENAME TO feeds_blockreport")
    visited.wait_for("document.body?.innerText.includes('Live')")
