"""
The product as real processes: server, generator and clients in one folder.

All waits are bounded: a process that does not do what a test waits for is reported with its
output, and at the end every process is ended by its id.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.support.forks import popen, run
from tools.waiting import PATIENCE_SECONDS, until

__all__ = ["CHECKOUT", "PATIENCE_SECONDS", "Program", "Stack", "free_port", "until"]

FIRST_PORT, WORKERS, PORTS_EACH = 12_000, 10, 2_000
"""Ports from 12,000 to 31,999, in equal parts for each process that runs tests at once."""
_PORT_NUMBERS = count(os.getpid())
"""A counter that starts elsewhere in each process, so two test runs rarely collide."""

CHECKOUT = Path(__file__).parents[2]


@dataclass
class Program:
    """A process, and the file with its output."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        """The output so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, words: str) -> None:
        """Wait until the output has *words*; if the program hangs, the failure shows where."""
        until(
            lambda: words in self.said or self.process.poll() is not None,
            lambda: f"{words!r} was not printed:\n{self.aborted()}",
        )
        code = self.process.returncode
        assert words in self.said, f"{words!r} was not printed before exit {code}:\n{self.said}"

    def aborted(self) -> str:
        """Abort the program; return its output, including where each thread was."""
        self.process.send_signal(signal.SIGABRT)
        self.process.wait(PATIENCE_SECONDS)
        return self.said

    def stop(self, number: int = signal.SIGINT) -> int:
        """End the program with a signal; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


class Stack:
    """One installation: a migrated database, a free port, and its processes."""

    def __init__(
        self,
        folder: Path,
        *,
        settings: str = "wsproject.settings",
        checkout: Path = CHECKOUT,
        migrated: bool = True,
    ) -> None:
        self.folder = folder
        self._checkout = checkout
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/"
        self.environment = {
            **os.environ,
            "BLOCKFEED_VAR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONFAULTHANDLER": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self._programs: list[Program] = []
        if migrated:
            shutil.copytree(migrated_folder(), folder / "var", dirs_exist_ok=True)

    def run(self, *arguments: str, **environment: str) -> str:
        """Run a command of manage.py to its end; return its output."""
        with self.variables(environment):
            program = self.start(*arguments)
        code = program.process.wait(PATIENCE_SECONDS)
        assert code == 0, f"exit code {code}:\n{program.said}"
        return program.said

    def server(self, *, reload: bool = False, port: int | None = None) -> Program:
        """Start ``runserver`` and wait until it listens."""
        options = [] if reload else ["--noreload"]
        port = port or self.port
        program = self.start("runserver", str(port), *options)
        until(lambda: _listens(port), lambda: f"the server does not listen:\n{program.said}")
        return program

    def generator(self, *options: str) -> Program:
        """Start ``generate`` and wait until it has published something."""
        program = self.start("generate", *options)
        program.wait_for("offset")
        return program

    def client(self, name: str, *options: str) -> Program:
        """Start the client script; its log is ``<name>.log`` in the folder."""
        script = str(self._checkout / "clientapp" / "client.py")
        log = str(self.log(name))
        command = [sys.executable, script, f"--url={self.url}", f"--name={name}", f"--log={log}"]
        return self._spawn(name, [*command, *options], self.folder)

    def leave(self, name: str, client: Program, *options: str) -> None:
        """
        Stop a client, and restart it until each report is acknowledged.

        A client that leaves waits for acknowledgements, but not for long.
        """
        assert client.stop() == 0, client.said
        while "the next start will send" in client.said:
            client = self.client(name, *options, "--blocks=1")
            client.process.wait(PATIENCE_SECONDS)

    def program(self, name: str, *command: str, stdin: int = subprocess.DEVNULL) -> Program:
        """Start any other program in the checkout."""
        return self._spawn(name, list(command), self._checkout, stdin)

    def get(self, path: str) -> str:
        """Return a page of the server."""
        with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=PATIENCE_SECONDS) as page:
            return str(page.read().decode())

    def log(self, name: str) -> Path:
        """Return the path of a client's block log."""
        return self.folder / f"{name}.log"

    def start(self, *arguments: str) -> Program:
        """Start a command of manage.py."""
        command = [sys.executable, "manage.py", *arguments]
        return self._spawn(arguments[0], command, self._checkout)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Query the database directly, without Django."""
        with closing(sqlite3.connect(self.folder / "var" / "db.sqlite3", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def variables(self, more: Mapping[str, str]) -> Iterator[None]:
        """Start programs with *more* variables in their environment."""
        before = self.environment
        self.environment = {**before, **more}
        yield
        self.environment = before

    def close(self) -> None:
        """End all programs that are still running."""
        for program in self._programs:
            if program.process.poll() is None:
                program.process.kill()
            program.process.wait()
            if program.process.stdin is not None:
                program.process.stdin.close()

    def _spawn(
        self, name: str, command: list[str], folder: Path, stdin: int = subprocess.DEVNULL
    ) -> Program:
        output = self.folder / f"{len(self._programs):03}-{name}.out"
        with output.open("wb") as stream:
            process = popen(
                command,
                cwd=folder,
                env=self.environment,
                stdin=stdin,
                stdout=stream,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        program = Program(process, output)
        self._programs.append(program)
        return program


@cache
def migrated_folder() -> Path:
    """Return a migrated data folder to copy from, because a migration takes a second."""
    folder = Path(tempfile.mkdtemp(prefix="blockfeed-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {
        **os.environ,
        "BLOCKFEED_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "wsproject.settings",
    }
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    run(command, cwd=CHECKOUT, env=environment, check=True)
    return folder


def free_port() -> int:
    """
    Return a port without a listener that no other test gets.

    It is below the ports that systems assign automatically: such a port could be taken before a
    server listens at it, or while the server restarts.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in _PORT_NUMBERS:
        port = FIRST_PORT + worker % WORKERS * PORTS_EACH + number % PORTS_EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("unreachable: the numbers never end")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
