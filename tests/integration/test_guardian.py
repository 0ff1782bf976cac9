"""The guardian, which leaves no process behind when a test run is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.guardian import marked
from tools.waiting import until

CHECKOUT = Path(__file__).parents[2]
RUN = """
import os, subprocess, sys
from tests.support.guardian import VARIABLE, guard

guard()
# A child in the same group, and a grandchild that left its session and its parent.
sleeps = "import time; time.sleep(600)"
daemon = f"import os, time; os.fork() and os._exit(0); os.setsid(); {sleeps}"
child = subprocess.Popen([sys.executable, "-c", f"print(); {sleeps}"], stdout=subprocess.PIPE)
child.stdout.readline()
subprocess.run([sys.executable, "-c", daemon], check=True)
print(os.environ[VARIABLE], flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the guardian reads /proc")
def test_killed_run_leaves_no_process() -> None:
    """If a process is killed with -9, its child and its daemon are ended."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        mark = run.stdout.readline().strip()
        assert len(marked(mark)) == 2
        run.kill()
    until(lambda: not marked(mark), lambda: str(marked(mark)))


@pytest.mark.skipif(sys.platform != "linux", reason="the guardian reads /proc")
def test_processes_of_tests_are_marked() -> None:
    """Every process that a test starts inherits the mark of this pytest process."""
    mark = os.environ["BLOCKFEED_TEST_MARK"]
    assert mark.startswith(f"{os.getpid()}-")
    command = [sys.executable, "-c", "print(); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        # Until then it may still be starting: Popen returns before /proc shows its environment.
        child.stdout.readline()
        assert child.pid in marked(mark)
        child.communicate(b"\n")
