"""
The real client in a separate process, as its user runs it.

It runs from a copy of ``clientapp/`` in a separate folder, without the checkout on its path, and
cannot import Django. On Linux it is forked (``forks.py``).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tests.support.forks import OF_THE_INTERPRETER, popen
from tests.support.guardian import mark
from tools.waiting import PATIENCE_SECONDS

CHECKOUT = Path(__file__).parents[2]
OTHERS = tuple({*OF_THE_INTERPRETER} - {"PYTHON"})
"""Prefixes of the interpreter's variables that a client inherits."""


class ClientProcess:
    """One run of ``client.py``."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: asyncio.StreamReader | None,
        errors: asyncio.StreamReader,
    ) -> None:
        """*output* is None if a file of the test gets it."""
        self._process = process
        self._output = output
        self._errors = errors
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
        assert self._output is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self._output.readline()
        if not line:
            _, _, errors = await self.end()
            raise AssertionError(f"the client ended: {errors}")
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
        await self.end()

    async def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, the rest of the output, and the errors."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            output = b"" if self._output is None else await self._output.read()
            errors = await self._errors.read()
            code = await asyncio.to_thread(self._process.wait)
        return code, output.decode(), errors.decode()


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
        self._started: list[ClientProcess] = []

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
        for process in self._started:
            await process.kill()

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
            **{name: text for name, text in os.environ.items() if name.startswith(OTHERS)},
            **(variables or {}),
        }
        process = popen(
            [sys.executable, *arguments],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        said = None if process.stdout is None else await _reader(process.stdout)
        assert process.stderr is not None
        self._started.append(ClientProcess(process, said, await _reader(process.stderr)))
        return self._started[-1]


async def _reader(pipe: IO[bytes]) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    return reader
