"""An operator in the admin, a real browser: what is done there reaches real processes."""

from __future__ import annotations

import pytest

from tests.support.browser import Browser
from tests.support.judge import judge
from tests.support.signing_in import sign_in
from tests.support.stack import PATIENCE_SECONDS, Program, Stack, until


@pytest.fixture
def alice(stack: Stack) -> Program:
    """Start everything, and a client that collects."""
    stack.server()
    stack.generator("--rate=20")
    client = stack.client("alice", "--block-size=5")
    client.wait_for("Block 1 verified")
    return client


def press(page: Browser, words: str) -> None:
    """Press the link or button that says *words*, and wait for the next page."""
    page.evaluate("document.body.dataset.old = 'yes'")
    page.evaluate(
        "[...document.querySelectorAll('#content a, #content button, a, button')]"
        f".find(one => one.innerText.trim().endsWith({words!r}) && one.offsetParent).click()"
    )
    page.wait_for("document.readyState === 'complete' && document.body.dataset.old !== 'yes'")


def open_session(stack: Stack, page: Browser) -> None:
    """Sign in and go to the page of the only session."""
    ((key,),) = stack.rows("SELECT id FROM feeds_clientsession")
    page.open(f"{sign_in(stack, page)}feeds/clientsession/{key}/change/")


def test_disconnect_takes_a_client_off(stack: Stack, alice: Program, page: Browser) -> None:
    """A client that is disconnected says who ended it, and ends with exit code 3."""
    open_session(stack, page)
    press(page, "Disconnect")
    press(page, "Disconnect")
    assert alice.process.wait(PATIENCE_SECONDS) == 3
    assert "an operator disconnected this client (4503)" in alice.said
    assert "was told to leave." in page.evaluate("document.body.innerText")
    closed = "SELECT close_code FROM feeds_connection WHERE closed_at IS NOT NULL"
    until(lambda: stack.rows(closed) == [(4503,)], lambda: "its end is not stored")


def test_notice_is_printed_by_the_client(stack: Stack, alice: Program, page: Browser) -> None:
    """What an operator says is printed by the client, which goes on."""
    open_session(stack, page)
    press(page, "Send a notice")
    page.evaluate("document.querySelector('[name=text]').value = 'Maintenance at <noon>'")
    press(page, "Send")
    assert "was sent the notice." in page.evaluate("document.body.innerText")
    alice.wait_for("Maintenance at <noon>")
    blocks = alice.said.count("received successfully")
    alice.wait_for(f"Block {blocks + 2} received successfully")


def test_rate_reaches_the_generator(stack: Stack, alice: Program, page: Browser) -> None:
    """A rate that is saved in the admin is the one of its next segment."""
    ((key,),) = stack.rows("SELECT id FROM feeds_feed WHERE name = 'users'")
    page.open(f"{sign_in(stack, page)}feeds/feed/{key}/change/")
    page.evaluate("document.querySelector('[name=rate]').value = '80'")
    press(page, "Save")
    newest = "SELECT rate_milli FROM feeds_segment WHERE feed_id = ? ORDER BY first DESC LIMIT 1"
    until(lambda: stack.rows(newest, key) == [(80_000,)], lambda: "the rate was not taken")
    alice.wait_for(f"Block {alice.said.count('received successfully') + 5} received successfully")


def choose(page: Browser, admin: str, key: int, action: str) -> None:
    """Do an action of the list of feeds to one of them."""
    page.open(f"{admin}feeds/feed/")
    page.evaluate(
        "document.body.dataset.old = 'yes';"
        f"document.querySelector('input.action-select[value=\"{key}\"]').click();"
        f"document.querySelector('select[name=action]').value = '{action}';"
        "document.querySelector('button[name=index]').click()"
    )
    page.wait_for("document.readyState === 'complete' && document.body.dataset.old !== 'yes'")


def test_pause_and_start_reach_the_generator(stack: Stack, alice: Program, page: Browser) -> None:
    """A feed that is paused in the list stands still; started again, it goes on without a hole."""
    ((key,),) = stack.rows("SELECT id FROM feeds_feed WHERE name = 'users'")
    admin = sign_in(stack, page)
    choose(page, admin, key, "pause")
    assert "Paused: users." in page.evaluate("document.body.innerText")
    # The other feed shows that the generator looked: it promises both in turn.
    heads = "SELECT promised FROM feeds_feed ORDER BY name = 'users'"
    other, still = (row[0] for row in stack.rows(heads))

    def stands_still() -> bool:
        nonlocal other, still
        (now,), (users,) = stack.rows(heads)
        if users != still:
            other, still = now, users
        return bool(now > other + 40)  # two seconds of the feed that runs

    until(stands_still, lambda: f"the feed goes on: {stack.rows(heads)}")
    choose(page, admin, key, "start")
    assert "Started: users." in page.evaluate("document.body.innerText")
    blocks = alice.said.count("received successfully")
    alice.wait_for(f"Block {blocks + 3} verified")
    assert alice.stop() == 0
    judge(stack.log("alice"))


def test_list_of_sessions_stays_true(stack: Stack, alice: Program, page: Browser) -> None:
    """Without a reload the list shows the next blocks, and that a client went away."""
    page.open(f"{sign_in(stack, page)}feeds/clientsession/")
    found = "document.querySelector('[data-field=found]').textContent"
    before = page.evaluate(found)
    page.wait_for(f"{found} !== {before!r}")
    alice.process.kill()
    page.wait_for("document.querySelector('[data-field=state]').dataset.state === 'away'")
