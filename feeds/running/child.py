"""
A process beside the server's: it makes calls, one after the other.

What is nothing but work for the interpreter would, in a thread beside the
event loop, keep each of the loop's sends waiting for the interpreter's lock:
one client that catches up (decision 0006), or many that report (decision
0008), would slow down all others. Here it takes one core at most. This module
knows no Django.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from feeds.running.stops import STOPS

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHECKOUT = Path(__file__).parents[2]
NICENESS = 10
"""Of a process that works for those who are behind: a tenth of a core that others want."""
PROGRAM = "from feeds.running.child import give_way, serve; give_way(); serve()"


class ChildEndedError(Exception):
    """The process ended in the middle of its work; the next call starts another."""


class Child:
    """
    One process, started at the first call or before; calls are made one after the other.

    It ends with its owner, however that ends: nobody writes to it any more.
    """

    def __init__(self, name: str = "maker", program: str = PROGRAM) -> None:
        """Run *program*, some Python that ends in `serve`."""
        self._name = name
        self._program = program
        self._waiter = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._process: subprocess.Popen[bytes] | None = None

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """
        Return what *call* returns in the process; raises what it raises.

        *call* is a function of a module, and all that crosses can be pickled.
        Raises ChildEndedError.
        """
        loop = asyncio.get_running_loop()
        made: T = await loop.run_in_executor(self._waiter, self._ask, call, args)
        return made

    def start(self) -> subprocess.Popen[bytes]:
        """Return the process, started where it is not there; a call need not wait for that."""
        self._process = self._process or _start(self._program)
        return self._process

    async def stop(self) -> None:
        """End the process at once, whatever it does."""
        if self._process is not None:
            self._process.kill()
        await asyncio.get_running_loop().run_in_executor(self._waiter, self._end)
        self._waiter.shutdown(wait=False)

    def _ask(self, *request: object) -> Any:
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            is_made, outcome = pickle.load(process.stdout)  # noqa: S301  our own process
        except (EOFError, OSError, pickle.UnpicklingError):
            self._end()
            raise ChildEndedError(f"the {self._name} has ended") from None
        if not is_made:
            raise outcome
        return outcome

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def give_way() -> None:
    """Let others have the core first; where all cores are busy, a tenth of one is left."""
    os.nice(NICENESS)


def serve() -> None:
    """Answer calls from standard input on standard output until whoever makes them ends."""
    # What stops all processes of a service is not for this one: its owner decides.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            call, args = pickle.load(calls)  # noqa: S301  from the process that started this one
        except (EOFError, pickle.UnpicklingError):  # ended, maybe in the middle of a call
            return
        try:
            answer = (True, call(*args))
        except Exception as error:  # noqa: BLE001  whoever asked is told
            answer = (False, error)
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:  # ended before it was answered
            return


def _start(program: str) -> subprocess.Popen[bytes]:
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603  this interpreter, and a module of ours
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C on a terminal is not for this process, from its first instant on.
        process_group=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
