"""
The child processes of `tools.run`.

Every child leads its own process group, so that Ctrl-C on the terminal reaches
only the parent, which stops the children in its own order. A child that ends by
itself is reported and does not end the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TextIO

from tools.screen import Screen

STOP_SECONDS = 30.0
"""Time to stop after a request; then a child is killed."""
PATIENCE_SECONDS = 1.0
"""A second request to stop within this time is the same one, delivered twice."""
LONGEST_LINE = 2**20
"""The most bytes in one line of output."""


class Child:
    """One running program, whose output is forwarded line by line."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        say: Callable[[str, str], None],
        *,
        ready: str,
    ) -> None:
        """Forward each line to *say* with the name; the program is up once it printed *ready*."""
        self.name = name
        self.was_up = False
        self.settled = asyncio.Event()
        """Set once the program is up or has ended."""
        self._process = process
        self._ready = ready
        self._output = asyncio.create_task(self._pass_on_output(say))

    @property
    def is_running(self) -> bool:
        """Whether the program is running."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Wait for the last line; return the exit code."""
        await self._output
        code = await self._process.wait()
        self.settled.set()
        return code

    async def stop(self) -> None:
        """Stop the program; kill it after `STOP_SECONDS`."""
        self._send(signal.SIGTERM, os.kill)
        self._send(signal.SIGCONT, os.kill)  # a suspended program heeds no other signal
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """Kill the program and its process group."""
        self._send(signal.SIGKILL, os.killpg)

    def _send(self, number: signal.Signals, kill: Callable[[int, int], None]) -> None:
        # asyncio's own send_signal may reap the child before its watcher does.
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                kill(self._process.pid, number)

    async def _pass_on_output(self, say: Callable[[str, str], None]) -> None:
        lines = self._process.stdout
        assert lines is not None, "started with a pipe"
        async for line in lines:
            text = line.decode(errors="replace").rstrip()
            say(self.name, text)
            if self._ready in text:
                self.was_up = True
                self.settled.set()


class Children:
    """Python programs that run in one folder, until all of them have ended."""

    def __init__(self, folder: Path, output: TextIO | None = None) -> None:
        """Run programs in *folder* and forward their lines to *output*, by default stdout."""
        self.over = asyncio.Event()
        """Set by the first reason to stop: a request, a closed output, or no running child."""
        self.failures: list[str] = []
        """A sentence for every child that ended unexpectedly or with an error."""
        self.screen = Screen(output)
        self._folder = folder
        self._output = output
        self._interrupted: float | None = None
        self._watched: dict[Child, asyncio.Task[None]] = {}

    async def start(
        self,
        name: str,
        *arguments: str,
        ready: str = "",
        must_start: bool = False,
        good_codes: Collection[int] = (),
        again: str = "",
    ) -> Child:
        """
        Start a Python program, which is up once it printed *ready*.

        Ending by itself is not a failure if the exit code is one of *good_codes*.
        *again* is the command that restarts it. With *must_start*, all programs
        are stopped if this one ends before it is up.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-u",
            *arguments,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            limit=LONGEST_LINE,
            process_group=0,
        )
        child = Child(name, process, self._say_for, ready=ready)
        watch = self._watch(child, good_codes, again, must_start=must_start)
        self._watched[child] = asyncio.create_task(watch)
        return child

    async def up(self, child: Child, seconds: float | None = None) -> None:
        """Wait until *child* is up or has ended, or all must stop; at most *seconds*."""
        waits = [asyncio.create_task(event.wait()) for event in (child.settled, self.over)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def say(self, text: str) -> None:
        """Print *text*; stop everything if the output is closed."""
        try:
            print(text, file=self._output, flush=True)
        except OSError:
            self.over.set()

    def interrupt(self) -> None:
        """Handle a request to stop; a later request kills the children."""
        now = time.monotonic()
        if self._interrupted is None:
            self._interrupted = now
        elif now - self._interrupted >= PATIENCE_SECONDS:
            for child in self._watched:
                child.kill()
        self.over.set()

    async def stop(self) -> None:
        """Stop all children, the last one first."""
        for child, watch in reversed(self._watched.items()):
            await child.stop()
            await watch

    def _say_for(self, name: str, line: str) -> None:
        self.say(self.screen.labelled(name, line))

    async def _watch(
        self, child: Child, good_codes: Collection[int], again: str, *, must_start: bool
    ) -> None:
        code = await child.ended()
        if self.over.is_set():
            # A child stopped before it was up is killed by the signal, as intended.
            if code not in (0, -signal.SIGTERM):
                self.failures.append(f"{child.name} ended with exit code {code}")
            return
        said = f"{child.name} ended with exit code {code}"
        if code not in good_codes:
            self.failures.append(said)
        is_alone = not any(other.is_running for other in self._watched)
        if is_alone or (must_start and not child.was_up):
            self.over.set()
        else:
            hint = " Start it again with:" if again else ""
            self.say(self.screen.indented(f"{said}; the others keep running.{hint}", 2))
            if again:
                self.say(again)  # in one piece, to be copied
