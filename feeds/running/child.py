"""
A child process of the server that runs calls, one after the other.

In a thread beside the event loop, pure Python work would make each of the loop's
sends wait for the interpreter's lock: one client that catches up (decision 0006),
or many that report (decision 0008), would slow down all others. In a process it
takes one core at most. This module does not use Django.

A process that hangs is an outage. If it still does not answer, it is killed, and the
caller repeats its call in another process, so calls must be repeatable.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from feeds.running.outages import OUTAGES, Outage
from feeds.running.stops import STOPS

log = logging.getLogger(__name__)

SILENT_SECONDS = 25.0
"""Time without an answer after which a process counts as hanging: longer than its wait for a
locked SQLite database, 20 s, which ends with an error that says so."""
KILL_SECONDS = 120.0
"""Time without an answer after which it is killed. Doubled until it answers: on a slow machine,
even the start may take longer."""
LOOK_SECONDS = 1.0
"""Interval of looks at the time of a call."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CHECKOUT = Path(__file__).parents[2]


class ChildEndedError(Exception):
    """The process ended during a call, or could not start; the next call starts another."""


class Child:
    """
    One process that runs calls one after the other, started at the first call or before.

    It ends with its owner, in whatever way: then its standard input is closed.
    """

    def __init__(self, name: str, program: str, then: str) -> None:
        """
        Run *program*, Python code that ends with a call of `serve`.

        *then* says what waits while the process hangs, as the second half of a sentence.
        """
        self.name = name
        self.starts = 0
        """The number of starts so far."""
        self._then = then
        self._called: float | None = None
        """The start of the current call, by the monotonic clock; None between calls."""
        self._patience = KILL_SECONDS
        self._is_silent = False
        self._is_stopped = False
        self._lock = threading.Lock()
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
        answer: asyncio.Future[T] = loop.run_in_executor(self._waiter, self._ask, call, args)
        try:
            while not (await asyncio.wait({answer}, timeout=LOOK_SECONDS))[0]:
                self._watch()
        finally:
            answer.cancel()  # if the caller was cancelled
        return answer.result()

    def start(self) -> subprocess.Popen[bytes]:
        """Return the process, started if necessary; the next call then need not wait for that."""
        if self._process is None:
            self._process = _start(self._program)
            self.starts += 1
        return self._process

    async def stop(self) -> None:
        """Kill the process at once; calls that wait for it fail, and start no other one."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()
        await asyncio.get_running_loop().run_in_executor(self._waiter, self._end)
        self._waiter.shutdown(wait=False)

    def _watch(self) -> None:
        """Report a process that does not answer, and kill it if it still does not."""
        with self._lock:
            if self._called is None:
                return
            seconds = time.monotonic() - self._called
            process = self._process
            if seconds >= self._patience and process is not None:
                self._patience *= 2
                self._called = None
                log.warning(
                    "the %s does not answer; it is killed, and another one starts", self.name
                )
                process.kill()
            elif seconds >= SILENT_SECONDS and not self._is_silent:
                self._is_silent = True
                log.warning("the %s has not answered for %g s", self.name, SILENT_SECONDS)
                what = f"The {self.name}, a process of this server, does not answer"
                OUTAGES.begin(self.name, Outage(what=what, cause="", then=self._then))

    def _ask(self, *request: object) -> Any:
        self._called = time.monotonic()
        try:
            is_made, outcome = self._answer(request)
        finally:
            self._end_call()
        self._patience = KILL_SECONDS
        if not is_made:
            raise outcome
        return outcome

    def _end_call(self) -> None:
        """Record that the process answered, or ended."""
        with self._lock:
            self._called = None
            if self._is_silent:
                self._is_silent = False
                log.warning("the %s answers again", self.name)
                OUTAGES.end(self.name)

    def _answer(self, request: object) -> tuple[bool, Any]:
        """Return whether the call succeeded, and its result or error."""
        if self._is_stopped:
            return False, ChildEndedError(f"the {self.name} is stopped")
        try:
            process = self.start()
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            answer: tuple[bool, Any] = pickle.load(process.stdout)  # noqa: S301  our own process
        except (EOFError, OSError, pickle.UnpicklingError):
            self._end()
            raise ChildEndedError(f"the {self.name} has ended, or cannot be started") from None
        return answer

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
