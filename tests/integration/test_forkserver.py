"""The fork server of tests: a forked program behaves like one in a new interpreter."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import forks
from tests.support.forks import popen
from tests.support.stack import CHECKOUT, Program, Stack
from tools.terminal_window import TerminalWindow

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks programs")
ASK = """
import os, select, sys, time
sys.path.insert(0, CHECKOUT)
from feeds.making.maker import Maker
child = Maker()
process = child.start()
print(type(process).__name__, child._ask(os.getpid, ()) == process.pid, flush=True)
process.kill()
select.select([process._told], [], [])  # its end is reported, and stays unread
print("has ended", flush=True)
time.sleep(600)
"""


def start(stack: Stack, text: str) -> Program:
    """Start a script through the fork server."""
    script = stack.folder / "script.py"
    script.write_text(text)
    output = stack.folder / "script.out"
    with output.open("wb") as stream:
        command = [sys.executable, str(script)]
        process = popen(
            command, cwd=stack.folder, env=stack.environment, stdout=stream, stderr=stream
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


@pytest.mark.parametrize("place", ["script", "path"])
def test_other_copy_of_the_project_replaces_the_loaded_one(stack: Stack, place: str) -> None:
    """A program beside a copy of the project, or with one in PYTHONPATH, imports that copy."""
    folder = stack.folder if place == "script" else stack.folder / "path"
    for package in ("clientapp", "feeds"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("name = 'the copy'\n")
        (folder / package / "core.py").write_text("name = 'its core'\n")
    with stack.variables({} if place == "script" else {"PYTHONPATH": str(folder)}):
        text = "import clientapp.core as one, feeds.core as two; print(one.name, two.name)"
        program = start(stack, text)
    assert program.process.wait() == 0, program.said
    assert program.said == "its core its core\n"


ASYNC = """
import asyncio, sys
async def main():
    for code in ("sys.exit(7)", "import os; os.abort()"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"import sys; print(open('/proc/self/cmdline').read()); {code}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )
        said, _ = await process.communicate()
        print(b"forkserver" in said, process.returncode)
asyncio.run(main())
"""


def test_exit_codes_reach_asyncio(stack: Stack) -> None:
    """A forked program also forks programs that it starts by asyncio; it gets their exit codes."""
    program = start(stack, ASYNC)
    assert program.process.wait() == 0, program.said
    assert program.said.splitlines() == ["True 7", "True -6"]


def test_path_replaces_loaded_packages(stack: Stack) -> None:
    """A package in PYTHONPATH hides one that the fork server has loaded."""
    (stack.folder / "path").mkdir()
    (stack.folder / "path" / "django.py").write_text("name = 'not the real one'\n")
    with stack.variables({"PYTHONPATH": str(stack.folder / "path")}):
        program = start(stack, "import django; print(django.name)")
    assert program.process.wait() == 0, program.said
    assert program.said == "not the real one\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_is_buffered_as_usual(stack: Stack, unbuffered: str) -> None:
    """Output to a file is buffered, unless PYTHONUNBUFFERED is set."""
    with stack.variables({"PYTHONUNBUFFERED": unbuffered}):
        program = start(stack, "import os; print('said'); os._exit(0)")
    assert program.process.wait() == 0
    assert program.said == ("said\n" if unbuffered else "")


ENDING = """
import atexit, sys, threading, time
atexit.register(print, "exit function")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print("said", end=" ")
"""


@pytest.mark.parametrize(
    "end",
    [
        *("pass", "sys.exit()", "sys.exit(True)", "sys.exit(7)", "sys.exit(256 + 3)"),
        *("sys.exit('a reason')", "1 / 0", "raise KeyboardInterrupt"),
        *("sys.stdout.close()", "import os; os.close(1)", "atexit.register(lambda: 1 / 0)"),
    ],
)
def test_program_ends_like_one_in_a_new_interpreter(end: str) -> None:
    """Threads are awaited, exit functions run, output is written, and the exit code is kept."""
    command = [sys.executable, "-c", ENDING + end]
    done = [one.run(command, capture_output=True, text=True) for one in (subprocess, forks)]
    first, second = [(each.returncode, each.stdout, each.stderr.splitlines()[-1:]) for each in done]
    assert first == second
    assert first[1].startswith("said")


def test_module_runs_like_one_of_a_new_interpreter() -> None:
    """``-m`` runs a module of the current folder, with its arguments and its own exit code."""
    command = [sys.executable, "-m", "clientapp", "verify", "/nowhere"]
    done = [
        one.run(command, cwd=CHECKOUT, capture_output=True, text=True)
        for one in (subprocess, forks)
    ]
    first, second = [(each.returncode, each.stdout, each.stderr) for each in done]
    assert first == second
    assert first[0] != 0


def test_forked_program_leads_the_session_of_its_terminal(stack: Stack) -> None:
    """Ctrl-C reaches a forked program in a terminal, and the programs that it starts."""
    text = """
import signal, subprocess, sys
SLEEP = "import sys, time; print('ready'); sys.stdout.flush(); time.sleep(600)"
with subprocess.Popen([sys.executable, "-c", SLEEP], stdout=subprocess.PIPE) as one:
    try:
        print(one.stdout.readline(), flush=True)
        signal.pause()  # an interrupted wait for the child may lose its exit code
    except KeyboardInterrupt:
        sys.exit(one.wait() == -2)
"""
    script = stack.folder / "script.py"
    script.write_text(text)
    command = [sys.executable, str(script)]
    with closing(TerminalWindow(command, stack.folder, stack.environment, popen=popen)) as window:
        window.wait_for("ready")
        assert isinstance(window.process, forks.ForkedProcess)
        window.press_ctrl_c()
        assert window.wait() == 1, window.said
        assert window.others() == []


FROZEN = """
import signal, subprocess, sys, time
from tests.support.forks import run
frozen = subprocess.Popen(["sleep", "600"])
frozen.send_signal(signal.SIGSTOP)
while open(f"/proc/{frozen.pid}/stat").read().split()[2] != "T":
    time.sleep(0.01)
run([sys.executable, "-c", "pass"], check=True)
frozen.kill()
print("at work")
"""


def test_end_of_a_program_ends_no_group_with_a_stopped_process() -> None:
    """
    A forked program that ends does not end the test run, even while a test has stopped a process.

    Linux sends SIGHUP to a process group with a stopped process when no process of the group has a
    parent in another group of the session any more.
    """
    done = subprocess.run(
        [sys.executable, "-c", FROZEN],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout) == (0, "at work\n"), done.stderr
