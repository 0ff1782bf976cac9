"""The page on / in a real browser: it shows what is sent, and is a client like any other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.test_client_in_javascript import message, say, welcome
from tests.support.axe import faults
from tests.support.browser import WIDTHS, Browser, browser, other_hosts
from tests.support.signing_in import sign_in
from tests.support.stack import Stack, until

SENTENCE = "document.querySelector('#client .sentence').textContent"
VERIFIED = "document.querySelectorAll('#client tr[data-state=verified]').length"
NEWEST = "Number(document.querySelector('#messages [data-field=offset]')?.textContent ?? 0)"
ROWS = "document.querySelectorAll('#messages tr').length"
PAUSE = "document.querySelector('#hold').click()"

# Counts how often the newest row has become an older one.
WATCH_BACKWARD = f"""
window.backward = 0;
let newest = {NEWEST};
new MutationObserver(() => {{
  const now = {NEWEST};
  if (now < newest) backward += 1;
  newest = now;
}}).observe(document.querySelector('#messages'), {{ childList: true }});
"""

# Plays [verb, messages as [offset, at_us]] to a list of three rows; shown are their offsets.
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

# In place of a socket: says the frames of a script as soon as somebody listens.
SAY_FRAMES = """
window.WebSocket = class {
  static OPEN = 1;
  readyState = 1;
  constructor() { setTimeout(() => SCRIPT.forEach((data) => this.onmessage({ data }))); }
  send() {}
  close() {}
};
"""


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Browser]:
    """Open a browser; no page of the test asked another host for anything."""
    with browser(tmp_path / "profile") as one:
        yield one
        assert other_hosts(one) == set()


@pytest.fixture
def calm(page: Browser) -> Iterator[Browser]:
    """Open a browser in which, at the end, nothing went wrong."""
    yield page
    assert not page.errors, page.errors


@pytest.fixture
def busy(stack: Stack) -> Stack:
    """Start a server, and a generator of twenty messages a second."""
    stack.server()
    stack.generator("--rate=20")
    return stack


def home(stack: Stack) -> str:
    """Return the address of the page on /."""
    return f"http://127.0.0.1:{stack.port}/"


def start(page: Browser, *, feeds: tuple[str, ...] = ("users",), size: int = 5) -> None:
    """Fill in the form and press Start, as a user does."""
    wanted = json.dumps(feeds)
    page.wait_for("!document.querySelector('#client form').hidden")
    page.evaluate(
        "document.querySelectorAll('.choices input').forEach(box => {"
        f" if (box.checked !== {wanted}.includes(box.value)) box.click() }});"
        f"document.querySelector('[name=size]').value = '{size}'"
    )
    page.evaluate("document.querySelector('#client [type=submit]').click()")


def figure(name: str) -> str:
    """Return the expression for one of the client's figures."""
    return f"Number(document.querySelector('.figures [data-field={name}]').textContent)"


def press(page: Browser, key: str, *, code: int, text: str = "") -> None:
    """Press and release a key."""
    named = {"key": key, "windowsVirtualKeyCode": code, "text": text}
    page.call("Input.dispatchKeyEvent", type="keyDown", **named)
    page.call("Input.dispatchKeyEvent", type="keyUp", **named)


def tab_to(page: Browser, selector: str) -> None:
    """Go to an element with the tabulator, as somebody without a mouse does."""
    for _ in range(60):
        press(page, "Tab", code=9)
        if page.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
            return
    raise AssertionError(f"the tabulator does not lead to {selector}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_shows_what_is_sent_now(busy: Stack, calm: Browser, width: int, *, dark: bool) -> None:
    """New messages come to the top, in bounded rows, and the page stays in its width."""
    calm.open(home(busy), width=width, dark=dark)
    newest = calm.evaluate(NEWEST)
    calm.wait_for(f"{NEWEST} > {newest + 30}")
    assert calm.evaluate(ROWS) == 10
    assert calm.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert calm.evaluate("document.querySelector('[data-field=rate]').textContent") == "40"


def test_another_feed_is_looked_at_without_a_reload(busy: Stack, calm: Browser) -> None:
    """The feed that is clicked is shown, marked, and named in the address."""
    calm.open(home(busy))
    calm.wait_for(f"{NEWEST} > 0")
    calm.evaluate("window.kept = true; [...document.querySelectorAll('.feed a')][0].click()")
    calm.wait_for("document.querySelector('#messages .record')?.textContent.startsWith('[')")
    assert calm.evaluate("kept && location.search") == "?watch=arrays"
    assert calm.evaluate("document.querySelector('[aria-current]').textContent") == "arrays"
    calm.open(home(busy) + "?watch=arrays")
    assert calm.evaluate("document.querySelector('#watched').textContent") == "arrays"


def test_rows_can_be_paused(busy: Stack, calm: Browser) -> None:
    """While paused the rows stand still, though the rest goes on; then they catch up."""
    calm.open(home(busy))
    calm.wait_for(f"{NEWEST} > 0")
    held = calm.evaluate(f"{PAUSE}; {NEWEST}")
    head = "Number(document.querySelectorAll('.feed [data-field=head]')[1].textContent)"
    calm.wait_for(f"{head} > {held + 40}")
    assert calm.evaluate(NEWEST) == held
    calm.evaluate(PAUSE)
    calm.wait_for(f"{NEWEST} > {held + 40}")


def test_rows_never_go_back(stack: Stack, calm: Browser) -> None:
    """What the client in the page brings stays, though the server's last word is older."""
    stack.server()
    stack.generator("--rate=1000")
    calm.open(home(stack))
    start(calm, size=1000)
    calm.wait_for(f"{VERIFIED} >= 1")
    calm.evaluate(WATCH_BACKWARD)
    calm.wait_for(f"{VERIFIED} >= 6")
    assert calm.evaluate("backward") == 0
    assert calm.evaluate(ROWS) == 10


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
def test_rows_are_of_one_feed(
    stack: Stack, calm: Browser, script: list[object], shown: list[int]
) -> None:
    """An end that is lower is another feed's where it was due later, else only an older one."""
    stack.server()
    calm.open(home(stack))
    calm.evaluate(PLAY_ROWS.replace("SCRIPT", json.dumps(script)))
    calm.wait_for("window.shown !== undefined")
    assert calm.evaluate("shown") == shown


def test_a_broken_block_is_counted_once(stack: Stack, calm: Browser) -> None:
    """What is wrong with it is said when its row is long gone, and it is no second block."""
    told = [("broken", 1, ""), *(("verified", block, "") for block in range(2, 15))]
    told += [("broken", 1, "users 1 is altered"), ("verified", 15, "")]
    frames = [welcome(), *(message("users", offset) for offset in range(1, 16))]
    frames += [
        say("ack", block=block, verdict=verdict, reason=reason) for verdict, block, reason in told
    ]
    stack.server()
    calm.open(home(stack))
    calm.evaluate(SAY_FRAMES.replace("SCRIPT", json.dumps(frames)))
    start(calm, size=1)
    calm.wait_for(f"{figure('verified')} === 14")
    assert [calm.evaluate(figure(name)) for name in ("blocks", "broken")] == [15, 1]


@pytest.mark.parametrize("width", WIDTHS)
def test_client_in_the_page(busy: Stack, calm: Browser, width: int) -> None:
    """Its blocks are verified by the server and stored, of several feeds too; Stop leaves."""
    calm.open(home(busy), width=width)
    start(calm, feeds=("users", "arrays"), size=6)
    calm.wait_for(f"{VERIFIED} >= 3")
    calm.wait_for("document.querySelector('#clients')?.textContent.includes('browser')")
    calm.evaluate("document.querySelector('#client [type=submit]').click()")
    calm.wait_for(f"{SENTENCE}.startsWith('Left.')")
    rows = "SELECT number, size, verdict FROM feeds_blockreport ORDER BY number"
    stored = busy.rows(rows)
    assert len(stored) >= 3
    assert stored == [(number, 6, "verified") for number in range(1, len(stored) + 1)]
    assert calm.evaluate(SENTENCE) == f"Left. {len(stored)} blocks, {len(stored)} verified."
    until(
        lambda: busy.rows("SELECT status FROM feeds_clientsession") == [("left",)],
        lambda: "the session did not end",
    )
    codes = busy.rows("SELECT close_code FROM feeds_connection")
    assert codes == [(1000,)]


def test_its_blocks_stand_in_the_admin(busy: Stack, calm: Browser) -> None:
    """The admin's table has a row for a block of the page's client."""
    calm.open(home(busy))
    start(calm)
    calm.wait_for(f"{VERIFIED} >= 1")
    calm.open(f"{sign_in(busy, calm)}feeds/blockreport/")
    calm.wait_for("document.querySelector('#result_list')?.innerText.includes('browser')")
    # Who goes to another page has left, as by Stop.
    until(
        lambda: busy.rows("SELECT status FROM feeds_clientsession") == [("left",)],
        lambda: "the session did not end",
    )


def test_client_survives_a_restart_of_the_server(stack: Stack, page: Browser) -> None:
    """The page says that the server is gone, comes back, and no message is missed."""
    server = stack.server()
    stack.generator("--rate=20")
    page.open(home(stack))
    start(page)
    page.wait_for(f"{VERIFIED} >= 2")
    server.stop()
    page.wait_for(f"{SENTENCE}.startsWith('No connection (')")
    page.wait_for("document.body.innerText.includes('The server does not answer; trying again')")
    before = page.evaluate(figure("blocks"))
    stack.server()
    page.wait_for("document.body.innerText.includes('Live')")
    page.wait_for(f"{figure('verified')} > {before} + 2")
    assert [page.evaluate(figure(name)) for name in ("gaps", "broken")] == [0, 0]
    assert stack.rows("SELECT COUNT(*) FROM feeds_clientsession") == [(1,)]
    ranges = stack.rows("SELECT ranges FROM feeds_blockreport ORDER BY number")
    spans = [json.loads(text)["users"] for (text,) in ranges]
    assert all(b["first"] == a["last"] + 1 for a, b in pairwise(spans))


def test_no_feed_is_running(stack: Stack, calm: Browser) -> None:
    """Where no generator runs, feed, messages and client say so, and what to start."""
    stack.server()
    calm.open(home(stack))
    said = "feed users is not running; start it with: python manage.py generate"
    assert calm.evaluate("document.querySelector('#stream-sentence').textContent") == said
    start(calm)
    calm.wait_for(f"document.querySelector('#client .notice').textContent === '{said}'")
    stack.generator("--rate=20")
    calm.wait_for(f"{VERIFIED} >= 1")
    calm.wait_for("document.querySelector('#stream').dataset.state === 'running'")
    # That it runs is news until the next block.
    calm.wait_for("document.querySelector('#client .notice').textContent === ''")


def test_no_feed_is_chosen(busy: Stack, calm: Browser) -> None:
    """Who chooses no feed is told to, and nothing is connected."""
    calm.open(home(busy))
    start(calm, feeds=())
    calm.wait_for("document.querySelector('.complaint').textContent !== ''")
    assert calm.evaluate("document.querySelector('.complaint').textContent") == (
        "Choose a feed at least."
    )
    assert busy.rows("SELECT COUNT(*) FROM feeds_clientsession") == [(0,)]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("Zoë K.", True), ("-a", False), ("a ", True), ("", False), ("a/b", False), ("a-b@c+d", True)],
)
def test_names_are_checked_in_the_form(
    busy: Stack, calm: Browser, name: str, *, allowed: bool
) -> None:
    """The form takes the names that the server takes, and no other."""
    calm.open(home(busy))
    field = "document.querySelector('[name=client]')"
    calm.wait_for("!document.querySelector('#client form').hidden")
    calm.evaluate(f"{field}.value = {json.dumps(name.strip())}")
    assert calm.evaluate(f"{field}.checkValidity()") is allowed


def test_a_broken_block_is_explained(busy: Stack, calm: Browser) -> None:
    """A client that lost a message unawares tells the server what it has, and shows why."""
    calm.open(home(busy))
    # The digest is spoilt on its way, as if a line had been altered.
    calm.evaluate(
        "const send = WebSocket.prototype.send;"
        "WebSocket.prototype.send = function (text) {"
        ' send.call(this, text.replace(/"digest":"[0-9a-f]{4}/, \'"digest":"0000\')) }'
    )
    start(calm)
    calm.wait_for("document.querySelector('#client tr[data-state=broken]') !== null")
    calm.wait_for("document.querySelector('#client .reason').textContent.length > 10")
    until(
        lambda: busy.rows("SELECT difference FROM feeds_blockreport LIMIT 1") != [(None,)],
        lambda: "the block was not explained",
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_is_accessible(busy: Stack, calm: Browser, width: int, *, dark: bool) -> None:
    """Axe-core finds no serious fault, neither before the client runs nor while it does."""
    calm.open(home(busy), width=width, dark=dark)
    calm.wait_for("document.body.innerText.includes('Live')")
    assert faults(calm) == []
    start(calm)
    calm.wait_for(f"{VERIFIED} >= 2")
    assert faults(calm) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_troubles_are_accessible(stack: Stack, calm: Browser, *, dark: bool) -> None:
    """Axe-core finds no serious fault in a page that says what is wrong."""
    stack.server()
    calm.open(home(stack), dark=dark)
    start(calm)
    calm.wait_for("document.querySelector('#client .notice').textContent !== ''")
    assert faults(calm) == []


def test_a_fault_is_found(stack: Stack, calm: Browser) -> None:
    """A picture without words, put into the page, is found to be a fault."""
    stack.server()
    calm.open(home(stack))
    calm.evaluate("document.querySelector('.brand img').removeAttribute('alt')")
    assert [fault["id"] for fault in faults(calm)] == ["image-alt"]


def test_works_with_the_keyboard_alone(busy: Stack, calm: Browser) -> None:
    """Feed, pause, form and Stop are reached by the tabulator, and the focus is seen."""
    calm.open(home(busy))
    calm.wait_for("document.body.innerText.includes('Live')")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    tab_to(calm, ".feed:first-child a")
    assert calm.evaluate("getComputedStyle(document.activeElement, '::after').outlineStyle") == (
        "solid"
    )
    press(calm, "Enter", code=13, text="\r")
    calm.wait_for("document.querySelector('#watched').textContent === 'arrays'")
    tab_to(calm, "#hold")
    assert calm.evaluate(outline) == "solid"
    press(calm, " ", code=32, text=" ")
    assert calm.evaluate("document.querySelector('#hold').getAttribute('aria-pressed')") == "true"
    tab_to(calm, ".choices input")
    press(calm, " ", code=32, text=" ")
    tab_to(calm, "#client [type=submit]")
    assert calm.evaluate(outline) == "solid"
    press(calm, "Enter", code=13, text="\r")
    calm.wait_for(f"{VERIFIED} >= 1")
    assert calm.evaluate("document.activeElement.textContent") == "Stop"
    press(calm, "Enter", code=13, text="\r")
    calm.wait_for(f"{SENTENCE}.startsWith('Left.')")


def test_moves_nothing_where_that_is_asked_for(busy: Stack, calm: Browser) -> None:
    """For who wants reduced motion nothing is animated, while rows come."""
    moving = "document.getAnimations().length"
    calm.open(home(busy))
    calm.wait_for(f"{moving} > 0")
    reduced = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    calm.call("Emulation.setEmulatedMedia", features=reduced)
    newest = calm.evaluate(NEWEST)
    calm.wait_for(f"{NEWEST} > {newest + 20}")
    assert calm.evaluate(moving) == 0


def test_policy_is_enforced(busy: Stack, page: Browser) -> None:
    """The browser runs no inline script and asks no other host: the policy forbids both."""
    page.open(home(busy))
    page.evaluate(
        "const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
        "document.body.append(script);"
        "fetch('http://127.0.0.2/').catch(() => { window.refused = 1 })"
    )
    page.wait_for("window.refused === 1")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in page.errors)


def test_database_is_away_and_comes_back(busy: Stack, page: Browser) -> None:
    """While its tables are gone the page says what to do, and goes on by itself."""
    page.open(home(busy))
    page.wait_for("document.body.innerText.includes('Live')")
    path = busy.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("ALTER TABLE feeds_blockreport RENAME TO feeds_gone")
        page.wait_for("document.body.innerText.includes('The database does not answer')")
        assert "python manage.py migrate" in page.evaluate("document.body.innerText")
        page.open(home(busy))
        page.wait_for("document.body.innerText.includes('The page waits for its database')")
        database.execute("ALTER TABLE feeds_gone RENAME TO feeds_blockreport")
    page.wait_for("document.body?.innerText.includes('Live')")
