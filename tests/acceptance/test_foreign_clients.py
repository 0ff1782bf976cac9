"""Clients of other people: any program that speaks WebSocket gets messages at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support import npm
from tests.support.browser import browser
from tests.support.foreign import CLIENTS, Foreign
from tests.support.stack import CHECKOUT, PATIENCE_SECONDS, Program, Stack, until

EXAMPLES = CHECKOUT / "examples"
FOREIGN = CHECKOUT / "tests" / "foreign"
NO_FEED = "?feed=nope"
REFUSED = "feed='nope' is not a feed here; there are: arrays, users"


@pytest.fixture
def served(stack: Stack) -> tuple[Stack, Program]:
    """Start a server and a generator."""
    server = stack.server()
    stack.generator("--feed=users", "--rate=20")
    return stack, server


def assert_heard(stack: Stack, server: Program) -> None:
    """Check that the client's text was printed, and stored as its message."""
    server.wait_for("guest says: Hey Server!")
    until(
        lambda: stack.rows("SELECT text FROM feeds_clientmessage") == [("Hey Server!",)],
        lambda: str(stack.rows("SELECT * FROM feeds_clientmessage")),
    )
    assert "Traceback" not in server.said


def test_python_examples_work(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """One example prints records and the reason of a refusal; the other collects blocks."""
    stack, server = served
    script = str(EXAMPLES / "python_client.py")
    client = stack.program("python", sys.executable, script, stack.url)
    client.wait_for("'username':")
    assert_heard(stack, server)
    client.stop(signal.SIGKILL)
    server.wait_for("guest disconnected with code 1006")
    refused = stack.program("python", sys.executable, script, stack.url + NO_FEED)
    assert refused.process.wait(PATIENCE_SECONDS) == 0
    assert refused.said == f"closed 4501 {REFUSED}\n"
    assert_collects_blocks_and_reconnects(stack, server, tmp_path / "bob.txt")


def assert_collects_blocks_and_reconnects(stack: Stack, server: Program, log: Path) -> None:
    """Check that each block is in the log and stored, before and after a server restart."""
    stored = (
        "SELECT r.text, r.size, r.plain, r.session_id FROM feeds_blockreport r "
        "JOIN feeds_clientsession s ON s.id = r.session_id WHERE s.client = 'bob' ORDER BY r.id"
    )
    command = (sys.executable, str(EXAMPLES / "block_client.py"), "--url", stack.url)
    client = stack.program("blocks", *command, "--block-size", "3", "--log", str(log))
    until(lambda: len(stack.rows(stored)) >= 2, lambda: client.said + server.said)
    assert server.stop() == 0
    client.wait_for("closed 4001 the server stops")
    restarted = stack.server()
    until(lambda: len({row[3] for row in stack.rows(stored)}) == 2, lambda: client.said)
    client.stop(signal.SIGKILL)
    restarted.wait_for("bob disconnected with code 1006")

    said, block = [], 0
    for line in log.read_text(encoding="utf-8").splitlines():
        if line.startswith("Client bob received "):
            said.append(line)
            assert block == 3
            block = 0
            continue
        stamp, _, message = line.partition(" ")
        assert float(stamp) > 0
        assert json.loads(message)["type"] == "message"
        block += 1
    rows = stack.rows(stored)
    assert {(size, plain) for _, size, plain, _ in rows} == {(3, 1)}
    texts = [text for text, *_ in rows]
    # A sentence in transit when the server or the client ended is only in the log.
    assert texts == [line for line in said if line in texts]
    assert len(said) - len(texts) <= 2
    assert said[0].startswith("Client bob received 1 block in ")
    refused = stack.program("blocks", *command, "--name", "!", "--log", str(log))
    assert refused.process.wait(PATIENCE_SECONDS) == 0
    assert refused.said.startswith("closed 4501 client='!' ")


def test_node_example_works(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """The JavaScript example runs in node unchanged, with or without a built-in WebSocket."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    stack, server = served
    script = str(shutil.copy(EXAMPLES / "node_client.mjs", tmp_path))
    has_none = stack.program("node", node, "-p", "globalThis.WebSocket === undefined")
    assert has_none.process.wait(PATIENCE_SECONDS) == 0
    if has_none.said == "true\n":
        helpless = stack.program("node", node, script, stack.url)
        assert helpless.process.wait(PATIENCE_SECONDS) == 1
        assert helpless.said == (
            "this node has no WebSocket: use node 22, or run: npm install ws\n"
        )
        (tmp_path / "node_modules").symlink_to(npm.modules())
    client = stack.program("node", node, script, stack.url)
    client.wait_for("username:")
    assert_heard(stack, server)
    refused = stack.program("node", node, script, stack.url + NO_FEED)
    assert refused.process.wait(PATIENCE_SECONDS) == 0
    assert refused.said == f"closed 4501 {REFUSED}\n"


def test_wscat_works(served: tuple[Stack, Program]) -> None:
    """The program wscat gets messages, and the server receives its text."""
    stack, server = served
    wscat = str(npm.modules() / ".bin" / "wscat")
    talk = ("--connect", stack.url, "--execute", "Hey Server!", "--wait", "60")
    # wscat ends with its input, so its input stays open.
    client = stack.program("wscat", wscat, *talk, stdin=subprocess.PIPE)
    client.wait_for('"username"')
    assert_heard(stack, server)


def test_browser_example_works(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """A browser's WebSocket shows records in the example page."""
    stack, server = served
    with browser(tmp_path / "profile") as page:
        page.open(f"file://{EXAMPLES / 'browser_client.html'}#{stack.url}")
        page.wait_for("""document.getElementById('log').innerText.includes('"username":')""")
        assert_heard(stack, server)
        assert not page.errors
        page.open("data:text/html,")  # a new hash alone would not reload the page
        page.open(f"file://{EXAMPLES / 'browser_client.html'}#{stack.url}{NO_FEED}")
        page.wait_for(f"document.getElementById('log').innerText.includes({REFUSED!r})")


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell runs the example")
def test_command_on_the_page_works(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """The page's command for our client collects blocks."""
    stack, server = served
    script = (EXAMPLES / "command_line.sh").read_text(encoding="utf-8")
    ours = script.split("# Any WebSocket client")[0]
    assert "python clientapp/client.py" in ours
    command = ours.replace("ws://127.0.0.1:8000/", stack.url).replace(
        "python ", f"{sys.executable} "
    )
    shell = f"cd {CHECKOUT}\n{command.rstrip()} --log {tmp_path / 'alice.log'} --blocks 1\n"
    client = stack.program("shell", "sh", "-c", shell)
    assert client.process.wait(PATIENCE_SECONDS) == 0, client.said
    server.wait_for("Client alice received 1 block in ")


def test_clients_of_other_people_work(stack: Stack, tmp_path: Path) -> None:
    """
    A plain client of any style gets only messages, and its sentences are stored.

    First each gets the same sixty messages, so that the sizes of its blocks must
    sum to sixty. Then the server restarts while messages flow. Later each client
    ends a block while nothing flows: the sizes of its blocks since the restart
    then sum to the messages that it received since.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    stack.environment["NODE_PATH"] = str(npm.modules())
    server = stack.server()
    clients = [Foreign(stack, one, FOREIGN) for one in CLIENTS]
    for one in clients:
        one.start(node if one.script.endswith(".cjs") else sys.executable)
    online = "SELECT count(*) FROM feeds_connection WHERE closed_at IS NULL"
    until(lambda: stack.rows(online) == [(len(CLIENTS),)], lambda: server.said)
    counted = stack.start("generate", "--feed=users", "--rate=40", "--count=60")
    assert counted.process.wait(PATIENCE_SECONDS) == 0, counted.said
    for one in clients:
        one.wait_until(lambda one=one: one.counted_all(60), server)  # type: ignore[misc]
        assert one.exact is None or one.stored_sizes() == one.exact

    generator = stack.generator("--feed=users")
    wait_for_sentences(clients, server)
    assert server.stop() == 0
    restarted = stack.server()
    wait_for_sentences(clients, restarted)
    generator.stop()
    for one in clients:
        one.wait_until(one.is_whole, restarted)
        one.check()
        if one.exact is not None:
            one.check_restart()
    wait_until_sizes_add_up([one for one in clients if one.exact is not None], stack, restarted)
    assert "Traceback" not in server.said + restarted.said


def wait_until_sizes_add_up(clients: list[Foreign], stack: Stack, server: Program) -> None:
    """Complete the current block of each client in turn; at its end the sizes must add up."""
    promised = "SELECT promised FROM feeds_feed WHERE name = 'users'"
    while clients:
        [(head,)] = stack.rows(promised)
        for one in clients:
            one.wait_until(partial(one.has_all_up_to, head), server)
            if not one.missing():
                one.wait_until(one.adds_up, server)
        clients = [one for one in clients if one.missing()]
        if clients:
            fewest = min(one.missing() for one in clients)
            stack.run("generate", "--feed=users", f"--count={fewest}")


def wait_for_sentences(clients: list[Foreign], server: Program) -> None:
    """Wait until each of *clients* has sent two more sentences."""
    before = {one: len(one.said()) for one in clients}
    for one in clients:
        one.wait_until(lambda one=one: len(one.said()) >= before[one] + 2, server)  # type: ignore[misc]
