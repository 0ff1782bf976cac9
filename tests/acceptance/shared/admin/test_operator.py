"""An operator in the admin with a real browser: actions reach real processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.browser import Browser
from tests.support.busy_stack import RATE, BusyStack
from tests.support.judge import judge
from tests.support.signing_in import admin_of
from tests.support.stack import PATIENCE_SECONDS, Program, until

NEWEST = "SELECT rate_milli FROM feeds_segment WHERE feed_id = ? ORDER BY first DESC LIMIT 1"


@pytest.fixture
def feed(busy: BusyStack) -> Iterator[int]:
    """Return the key of a feed that the test may change; restore the feed afterwards."""
    ((key,),) = busy.rows("SELECT id FROM feeds_feed WHERE name = 'users'")
    yield key
    path = busy.folder / "var" / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("UPDATE feeds_feed SET enabled = 1, rate = ? WHERE id = ?", [RATE, key])
    until(lambda: busy.rows(NEWEST, key) == [(RATE * 1000,)], lambda: "the rate was not taken")


def collect(busy: BusyStack, name: str) -> Program:
    """Start a client that collects blocks of five, and wait for its first one."""
    client = busy.client(name, "--block-size=5")
    client.wait_for("Block 1 verified")
    return client


def wait_for_blocks(client: Program, more: int) -> None:
    """Wait until a client has received *more* blocks."""
    blocks = client.said.count("received successfully")
    client.wait_for(f"Block {blocks + more} received successfully")


def press(page: Browser, words: str) -> None:
    """Press the link or button labelled *words*, and wait for the next page."""
    page.evaluate("document.body.dataset.old = 'yes'")
    page.evaluate(
        "[...document.querySelectorAll('#content a, #content button, a, button')]"
        f".find(one => one.innerText.trim().endsWith({words!r}) && one.offsetParent).click()"
    )
    page.wait_for("document.readyState === 'complete' && document.body.dataset.old !== 'yes'")


def open_session(busy: BusyStack, page: Browser, client: str) -> None:
    """Open the page of the client's session."""
    ((key,),) = busy.rows("SELECT id FROM feeds_clientsession WHERE client = ?", client)
    page.open(f"{admin_of(busy)}feeds/clientsession/{key}/change/")


def test_disconnect_ends_a_client(busy: BusyStack, operator: Browser) -> None:
    """A disconnected client prints the reason, and ends with exit code 3."""
    client = collect(busy, "dave")
    open_session(busy, operator, "dave")
    press(operator, "Disconnect")
    press(operator, "Disconnect")
    assert client.process.wait(PATIENCE_SECONDS) == 3
    assert "an operator disconnected this client (4503)" in client.said
    assert "was told to disconnect." in operator.evaluate("document.body.innerText")
    closed = (
        "SELECT close_code FROM feeds_connection JOIN feeds_clientsession s ON s.id = session_id "
        "WHERE closed_at IS NOT NULL AND client = 'dave'"
    )
    until(lambda: busy.rows(closed) == [(4503,)], lambda: "its end is not stored")


def test_notice_is_printed_by_the_client(busy: BusyStack, operator: Browser) -> None:
    """The client prints an operator's notice, and continues."""
    open_session(busy, operator, "alice")
    press(operator, "Send a notice")
    operator.evaluate("document.querySelector('[name=text]').value = 'Maintenance at <noon>'")
    press(operator, "Send")
    assert "was sent the notice." in operator.evaluate("document.body.innerText")
    busy.alice.wait_for("Maintenance at <noon>")
    wait_for_blocks(busy.alice, 2)


def test_rate_reaches_the_generator(busy: BusyStack, feed: int, operator: Browser) -> None:
    """A rate saved in the admin is the rate of the generator's next segment."""
    operator.open(f"{admin_of(busy)}feeds/feed/{feed}/change/")
    operator.evaluate("document.querySelector('[name=rate]').value = '80'")
    press(operator, "Save")
    until(lambda: busy.rows(NEWEST, feed) == [(80_000,)], lambda: "the rate was not taken")
    wait_for_blocks(busy.alice, 5)


def choose(page: Browser, admin: str, key: int, action: str) -> None:
    """Apply an action of the list of feeds to one of them."""
    page.open(f"{admin}feeds/feed/")
    page.evaluate(
        "document.body.dataset.old = 'yes';"
        f"document.querySelector('input.action-select[value=\"{key}\"]').click();"
        f"document.querySelector('select[name=action]').value = '{action}';"
        "document.querySelector('button[name=index]').click()"
    )
    page.wait_for("document.readyState === 'complete' && document.body.dataset.old !== 'yes'")


def test_pause_and_start_reach_the_generator(busy: BusyStack, feed: int, operator: Browser) -> None:
    """A feed paused in the list stops; when it is started again, it continues without a hole."""
    client = collect(busy, "erin")
    choose(operator, admin_of(busy), feed, "pause")
    assert "Paused: users." in operator.evaluate("document.body.innerText")
    # The generator promises both feeds in turn, so the other feed shows that it has looked at both.
    heads = "SELECT promised FROM feeds_feed ORDER BY name = 'users'"
    other, still = (row[0] for row in busy.rows(heads))

    def stands_still() -> bool:
        nonlocal other, still
        (now,), (users,) = busy.rows(heads)
        if users != still:
            other, still = now, users
        return bool(now > other + 40)  # two seconds of the running feed

    until(stands_still, lambda: f"the feed continues: {busy.rows(heads)}")
    choose(operator, admin_of(busy), feed, "start")
    assert "Started: users." in operator.evaluate("document.body.innerText")
    blocks = client.said.count("received successfully")
    client.wait_for(f"Block {blocks + 3} verified")
    assert client.stop() == 0
    judge(busy.log("erin"))


def test_list_of_sessions_updates_itself(busy: BusyStack, operator: Browser) -> None:
    """Without a reload the list shows the next blocks, and that a client disconnected."""
    client = collect(busy, "frank")
    operator.open(f"{admin_of(busy)}feeds/clientsession/")
    row = (
        "[...document.querySelectorAll('#result_list tbody tr')]"
        ".find(row => row.innerText.includes('frank'))"
    )
    found = f"{row}.querySelector('[data-field=found]').textContent"
    before = operator.evaluate(found)
    operator.wait_for(f"{found} !== {before!r}")
    client.process.kill()
    operator.wait_for(f"{row}.querySelector('[data-field=state]').dataset.state === 'away'")
