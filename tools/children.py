"""
The programs that `tools.run` started, and their end.

Every child leads a process group of its own, so that Ctrl-C on the terminal
reaches the parent alone, which stops the children in the order it wants.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

STOP_SECONDS = 10.0
"""A child that was asked to stop and still runs then is killed."""
PATIENCE_SECONDS = 1.0
"""A request to stop so soon after another is the same one, delivered twice."""
LONGEST_LINE = 2**20
"""Bytes of one line of output."""


class Child:
    """One running program, its output shown line by line after its name."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, say: Callable[[str], None]
    ) -> None:
        self.name = name
        self._process = process
        self._output = asyncio.create_task(self._show_output(say))

    async def ended(self) -> int:
        """Return the exit code, after the last line was shown."""
        await self._output
        return await self._process.wait()

    async def stop(self) -> None:
        """Make the program end."""
        self._send(signal.SIGTERM, os.kill)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """End the program and whatever it started, at once."""
        self._send(signal.SIGKILL, os.killpg)

    def _send(self, number: signal.Signals, kill: Callable[[int, int], None]) -> None:
        # asyncio's own send_signal may reap the child before its watcher does.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                kill(self._process.pid, number)

    async def _show_output(self, say: Callable[[str], None]) -> None:
        lines = self._process.stdout
        assert lines is not None, "started with a pipe"
        async for line in lines:
            say(f"{self.name:9} | {line.decode(errors='replace').rstrip()}")


class Children:
    """Python programs, started in one folder, until all of them have ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.over = asyncio.Event()
        """Set by the first reason to stop, such as a request or a child that ended."""
        self.failures: list[str] = []
        """A sentence for every child that ended by itself, or not cleanly."""
        self._interrupted: float | None = None
        self._watched: dict[Child, asyncio.Task[None]] = {}

    async def start(self, name: str, *arguments: str) -> None:
        """Start a Python program, named *name* before each of its lines."""
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
        child = Child(name, process, self.say)
        self._watched[child] = asyncio.create_task(self._watch(child))

    def say(self, text: str) -> None:
        """Print *text*; that nobody reads any more is a reason to stop."""
        try:
            print(text, flush=True)
        except OSError:
            self.over.set()

    def interrupt(self) -> None:
        """Take a request to stop; a later one kills."""
        now = time.monotonic()
        if self._interrupted is None:
            self._interrupted = now
        elif now - self._interrupted >= PATIENCE_SECONDS:
            for child in self._watched:
                child.kill()
        self.over.set()

    async def stop(self) -> None:
        """Stop all, the last one first."""
        for child, watch in reversed(self._watched.items()):
            await child.stop()
            await watch

    async def _watch(self, child: Child) -> None:
        code = await child.ended()
        # One that was stopped before it was up died of the signal: as asked.
        if code not in (0, -signal.SIGTERM) or not self.over.is_set():
            self.failures.append(f"{child.name} ended with exit code {code}")
        self.over.set()
