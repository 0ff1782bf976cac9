"""
A child process of the server that runs calls, one after the other.

In a thread beside the event loop, pure Python work would make each of the loop's
sends wait for the interpreter's lock: one client that catches up (decision 0006),
or many that report (decision 0008), would slow down all others. In a process it
takes one core at most. This module does not use Django.
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


class ChildEndedError(Exception):
    """The process ended during a call; the next call starts another."""


class Child:
    """
    One process that runs calls one after the other, started at the first call or before.

    It ends with its owner, in whatever way: then its standard input is closed.
    """

    def __init__(self, name: str, program: str) -> None:
        """Run *program*, Python code that ends with a call of `serve`."""
        self._name = name
        self._program = program
        self._waiter = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._process: subprocess.Popen[bytes] | None = None

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """
        Return the result of *call* in the process; raises its errors, and ChildEndedError.

        *call* must be a function of a module; its arguments, result and errors must
        be picklable.
        """
        loop = asyncio.get_running_loop()
        made: T = await loop.run_in_executor(self._waiter, self._ask, call, args)
        return made

    def start(self) -> subprocess.Popen[bytes]:
        """Return the process, started if necessary; the next call then need not wait for that."""
        self._process = self._process or _start(self._program)
        return self._process

    async def stop(self) -> None:
        """Kill the process at once."""
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


def serve() -> None:
    """Answer calls from standard input on standard output until the owner ends."""
    # Ignore signals sent to all processes of a service: the owner ends this one.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    calls, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while True:
        try:
            call, args = pickle.load(calls)  # noqa: S301  from our own parent
        except (EOFError, pickle.UnpicklingError):  # the owner ended, maybe during a call
            return
        try:
            answer = (True, call(*args))
        except Exception as error:  # noqa: BLE001  raised again in the owner
            answer = (False, error)
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:  # the owner ended before the answer
            return


def _start(program: str) -> subprocess.Popen[bytes]:
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603  this interpreter, and our own module
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # So that Ctrl-C on a terminal never reaches this process.
        process_group=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
