"""
The real client in a separate process, as its user runs it.

It runs from a copy of ``clientapp/`` in a separate folder, with nothing of the checkout on its
path, and cannot import Django.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.guardian import mark
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]


class ClientProcess:
    """One run of ``client.py``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def event(self, name: str) -> dict[str, Any]:
        """Return the next event with this name; the client must run with ``--json``."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                line = await self.line()
                event: dict[str, Any] = json.loads(line)
                if event["event"] == name:
                    return event

    async def line(self) -> str:
        """Return the next line of the output; fails at its end."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            _, errors = await self._process.communicate()
            raise AssertionError(f"the client ended: {errors.decode()}")
        return line.decode().rstrip("\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    async def kill(self) -> None:
        """Kill the client with SIGKILL, and wait."""
        self._process.kill()
        await self._process.communicate()

    async def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, the rest of the output, and the errors."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, errors = await self._process.communicate()
        assert self._process.returncode is not None
        # None: the output is a file of the test.
        return self._process.returncode, (output or b"").decode(), errors.decode()


class Lifted:
    """A copy of the client's folder in another place."""

    def __init__(self, folder: Path, *, name: str = "clientapp") -> None:
        self.home = folder / "home"
        """The working directory of the client, which differs from its own folder."""
        self._copy = folder / "lifted" / name
        self._blocked = folder / "blocked"
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "clientapp", self._copy, ignore=ignore)
        self.home.mkdir()
        self._blocked.mkdir()
        for package in ("django", "channels", "daphne", "feeds", "wsproject"):
            blocked = self._blocked / f"{package}.py"
            blocked.write_text(f"raise ImportError('{package} is not installed')\n")
        self._running: list[asyncio.subprocess.Process] = []

    async def run(
        self, *options: str, output: int | None = None, **variables: str
    ) -> ClientProcess:
        """Start ``client.py`` with *options*; *output* is a file of the test."""
        script = str(self._copy / "client.py")
        return await self._start(script, *options, output=output, variables=variables)

    async def run_module(self, *arguments: str, output: int | None = None) -> ClientProcess:
        """Start ``python -m clientapp`` with *arguments*; *output* is as in `run`."""
        path = self._copy.parent
        return await self._start("-m", "clientapp", *arguments, path=path, output=output)

    async def clean_up(self) -> None:
        """Kill the clients that are still running."""
        for process in self._running:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def _start(
        self,
        *arguments: str,
        path: Path | None = None,
        output: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> ClientProcess:
        folders = [self._blocked] if path is None else [self._blocked, path]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONUNBUFFERED": "1",
            **mark(),
            **(variables or {}),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=self.home,
            env=environment,
            stdout=asyncio.subprocess.PIPE if output is None else output,
            stderr=asyncio.subprocess.PIPE,
        )
        self._running.append(process)
        return ClientProcess(process)
