"""The fork server of tests: a forked program behaves like one in a new interpreter."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.support.forkserver import fork_server
from tests.support.stack import Program, Stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks programs")
ASK = """
import os, select, sys, time
sys.path.insert(0, CHECKOUT)
from feeds.making.maker import Maker
child = Maker()
process = child.start()
print(type(process).__name__, child._ask(os.getpid, ()) == process.pid, flush=True)
process.kill()
select.select([process._forks._channel], [], [])  # its end is reported, and stays unread
print("has ended", flush=True)
time.sleep(600)
"""


def start(stack: Stack, text: str) -> Program:
    """Start a script through the fork server."""
    script = stack.folder / "script.py"
    script.write_text(text)
    output = stack.folder / "script.out"
    with output.open("wb") as stream:
        process = fork_server().start(
            [str(script)], stack.folder, stack.environment, stream.fileno()
        )
    return Program(process, output)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Give a test a folder and an environment for programs."""
    return Stack(tmp_path, migrated=False)


def test_child_of_a_killed_program(stack: Stack) -> None:
    """A forked child works; killing a program with unread reports affects no other program."""
    program = start(stack, ASK.replace("CHECKOUT", repr(str(Path(__file__).parents[2]))))
    program.wait_for("ForkedProcess True")
    program.wait_for("has ended")
    assert program.stop(signal.SIGKILL) == -signal.SIGKILL
    for _ in range(2):
        assert start(stack, "print('at work')").process.wait() == 0
