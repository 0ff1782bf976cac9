"""Clients that are not ours: whatever speaks WebSocket gets messages at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.browser import browser
from tests.support.stack import CHECKOUT, Program, Stack, until

EXAMPLES = CHECKOUT / "examples"


@pytest.fixture
def served(stack: Stack) -> tuple[Stack, Program]:
    """Start a server and a generator."""
    server = stack.server()
    stack.generator("--feed=users", "--rate=20")
    return stack, server


def assert_heard(stack: Stack, server: Program) -> None:
    """What the client sent was printed, and is kept as its message."""
    server.wait_for("guest says: Hey Server!")
    until(
        lambda: stack.rows("SELECT text FROM feeds_clientmessage") == [("Hey Server!",)],
        lambda: str(stack.rows("SELECT * FROM feeds_clientmessage")),
    )
    assert "Traceback" not in server.said


def test_python_in_ten_lines(served: tuple[Stack, Program]) -> None:
    """The Python example prints records as they come."""
    stack, server = served
    client = stack.program("python", sys.executable, str(EXAMPLES / "python_client.py"), stack.url)
    client.wait_for("'username':")
    assert_heard(stack, server)
    client.stop(signal.SIGKILL)
    server.wait_for("guest disconnected with code 1006")


def test_node(served: tuple[Stack, Program]) -> None:
    """The JavaScript example runs in node as it stands."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    stack, server = served
    version = int(
        subprocess.run(
            [node, "-p", "process.versions.node.split('.')[0]"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )
    # Node 22 has a WebSocket of its own; 20 has it behind this flag, 18 has none.
    if version < 20:
        pytest.skip(f"node {version} has no WebSocket")
    flags = [] if version >= 22 else ["--experimental-websocket"]
    script = str(EXAMPLES / "node_client.mjs")
    client = stack.program("node", node, *flags, script, stack.url)
    client.wait_for("username:")
    assert_heard(stack, server)


def test_wscat(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """wscat, which knows nothing of us, gets messages and is heard."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "wscat@6.1.0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install wscat: {installed.stderr[-200:]}")
    stack, server = served
    wscat = str(tmp_path / "node_modules" / ".bin" / "wscat")
    talk = ("--connect", stack.url, "--execute", "Hey Server!", "--wait", "60")
    # It ends with its input, so it gets one that stays open.
    client = stack.program("wscat", wscat, *talk, stdin=subprocess.PIPE)
    client.wait_for('"username"')
    assert_heard(stack, server)


def test_browser(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """A browser's WebSocket shows records in the example page."""
    stack, server = served
    with browser(tmp_path / "profile") as page:
        page.open(f"file://{EXAMPLES / 'browser_client.html'}#{stack.url}")
        page.wait_for("""document.getElementById('log').innerText.includes('"username":')""")
        assert_heard(stack, server)
        assert not page.errors


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell runs the example")
def test_command_line(served: tuple[Stack, Program], tmp_path: Path) -> None:
    """The command of the page, with our client, collects blocks."""
    stack, server = served
    script = (EXAMPLES / "command_line.sh").read_text(encoding="utf-8")
    ours = script.split("# Any WebSocket client")[0]
    assert "python clientapp/client.py" in ours
    command = ours.replace("ws://127.0.0.1:8000/", stack.url).replace(
        "python ", f"{sys.executable} "
    )
    shell = f"cd {CHECKOUT}\n{command.rstrip()} --log {tmp_path / 'alice.log'} --blocks 1\n"
    client = stack.program("shell", "sh", "-c", shell)
    assert client.process.wait(60) == 0, client.said
    server.wait_for("Client alice received 1 block in ")
