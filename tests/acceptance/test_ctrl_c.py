"""Ctrl-C in a terminal, where it reaches every process at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.forks import popen
from tests.support.judge import judge
from tests.support.stack import CHECKOUT, Stack, until
from tools.terminal_window import TerminalWindow

Open = Callable[..., TerminalWindow]
SERVERS = pytest.mark.parametrize(
    "command",
    ["runserver {}", "runserver {} --noreload", "serve --bind=127.0.0.1:{}"],
    ids=["reloader", "noreload", "serve"],
)


@pytest.fixture
def open_window(stack: Stack) -> Iterator[Open]:
    """Open terminals for Python programs, in the checkout of the stack."""
    with ExitStack() as opened:

        def open_window(*command: str) -> TerminalWindow:
            window = TerminalWindow(
                [sys.executable, *command], CHECKOUT, stack.environment, popen=popen
            )
            opened.callback(window.close)
            return window

        yield open_window


def assert_clean_end(window: TerminalWindow) -> None:
    """Press Ctrl-C; check that the program ends with 0, without a traceback or other processes."""
    window.press_ctrl_c()
    assert window.wait() == 0, window.said
    assert "Traceback" not in window.said
    assert "Error" not in window.said
    assert window.others() == []


@SERVERS
def test_ctrl_c_drains_the_server(stack: Stack, open_window: Open, command: str) -> None:
    """The server closes its clients with 4001; they wait for it, and reconnect."""
    words = command.format(stack.port).split()
    server = open_window("manage.py", *words)
    client = stack.client("alice", "--block-size=5", "--json")
    client.wait_for('"event":"connected"')
    stack.generator("--rate=50")
    server.wait_for("Client alice received 1 block in ")
    assert_clean_end(server)
    assert "alice disconnected with code 4001" in server.said
    client.wait_for('"reason":"the server stops"')
    assert stack.rows("SELECT close_code FROM feeds_connection") == [(4001,)]
    blocks = client.said.count('"event":"block"')
    again = open_window("manage.py", *words)
    until(lambda: client.said.count('"event":"block"') > blocks, lambda: client.said)
    assert client.stop() == 0
    assert_clean_end(again)
    judge(stack.log("alice"))


AT_WORK = {"serve": "serving at", "runserver": "Quit the server"}
"""The words of a server that reacts to Ctrl-C."""


@SERVERS
def test_repeated_ctrl_c_is_not_an_error(stack: Stack, open_window: Open, command: str) -> None:
    """Ctrl-C pressed repeatedly until the server has ended raises nothing and kills nothing."""
    server = open_window("manage.py", *command.format(stack.port).split())
    server.wait_for(AT_WORK[command.partition(" ")[0]])
    begin = time.monotonic()
    server.keep_pressing_ctrl_c()
    # On a slow machine, a press more than a second after the first one ends the drain.
    is_slow = time.monotonic() - begin > 1
    assert server.wait() == 0 or (is_slow and server.process.returncode == 1), server.said
    assert "Traceback" not in server.said
    assert "Error" not in server.said
    until(lambda: server.others() == [], lambda: "\n".join(server.others()))


def test_ctrl_c_ends_the_generator(stack: Stack, open_window: Open) -> None:
    """The generator ends its live lines, and prints the last offsets."""
    generator = open_window("manage.py", "generate", "--rate=50")
    until(
        lambda: stack.rows("SELECT min(promised) > 0 FROM feeds_feed") == [(1,)],
        lambda: generator.said,
    )
    assert_clean_end(generator)
    for feed in ("users", "arrays"):
        assert f"feed {feed}: " in generator.said
    assert "last offset" in generator.said


def test_ctrl_c_ends_the_client(stack: Stack, open_window: Open) -> None:
    """The client says bye, prints a summary, leaves a whole log, and is no longer online."""
    server = stack.server()
    stack.generator("--rate=50")
    client = open_window(
        "clientapp/client.py",
        f"--url={stack.url}",
        "--name=alice",
        "--feed=users",
        "--feed=arrays",
        "--block-size=5",
        f"--log={stack.log('alice')}",
    )
    client.wait_for("Block 3 received successfully")
    # One look serves all requests within about a second.
    until(lambda: '"client": "alice"' in stack.get("status.json"), lambda: server.said)
    assert_clean_end(client)
    server.wait_for("alice left")
    until(
        lambda: stack.rows("SELECT status FROM feeds_clientsession") == [("left",)],
        lambda: server.said,
    )
    until(lambda: '"client": "alice"' not in stack.get("status.json"), lambda: server.said)
    assert stack.rows("SELECT close_code FROM feeds_connection") == [(1000,)]
    judge(stack.log("alice"))
