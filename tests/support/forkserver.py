"""
Programs started by forking a process that has loaded their libraries already.

Starting Python and importing Django, Twisted and the rest takes a server three
times as long as importing the project. A test run starts hundreds of programs,
so each process of pytest has one fork server, which imports the libraries once
and forks for each program. Nothing of the project is imported before the fork:
a program reads its settings, and runs its script, as it always does.

Linux only: elsewhere a fork without an exec is not safe.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import pickle
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LIBRARIES = (
    *("autobahn.twisted.websocket", "twisted.internet.endpoints", "twisted.internet.ssl"),
    *("twisted.web.http", "channels.generic.websocket", "channels.routing", "channels_redis.core"),
    *("django.contrib.admin.sites", "django.contrib.staticfiles.handlers", "django.test.signals"),
    *("django.core.management.commands.runserver", "django.db.backends.sqlite3.base"),
    *("django.contrib.humanize.templatetags.humanize", "django.db.migrations.executor"),
    *("environ", "numpy", "faker", "orjson", "redis.asyncio", "rich.console", "rich.live"),
    *("rich.table", "websockets.asyncio.client", "whitenoise.middleware"),
)
"""What the programs import. Not Twisted's reactor: its loop cannot be shared by processes."""
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG")
"""How variables begin that only a new interpreter obeys."""
FIXED = {"PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"}
"""Those that the fork server has, and so all of its programs."""
LONGEST_MESSAGE = 2**18


Request = tuple[list[str], str, dict[str, str]]
"""A script with its arguments, the folder to run it in, and its environment."""


class ForkedProcess:
    """A program that was forked; the part of `subprocess.Popen` that tests use."""

    stdin = None

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        self._server.read(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if left == 0.0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self._server.read(left)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks, as its owner sees it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._running: dict[int, ForkedProcess] = {}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                # One thread: numpy's others would not live on in a fork.
                env={**os.environ, **FIXED, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        atexit.register(self.close)

    def start(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str], output: int
    ) -> ForkedProcess:
        """Run a script with *arguments* in *folder*; *output* is a descriptor for both outputs."""
        request: Request = (arguments, str(folder), dict(environment))
        socket.send_fds(self._socket, [pickle.dumps(request)], [output])
        while True:
            pid, code = self._receive()
            if code is None:
                self._running[pid] = ForkedProcess(self, pid)
                return self._running[pid]
            self._running.pop(pid).returncode = code

    def read(self, seconds: float | None) -> None:
        """Take news of programs that ended; wait *seconds* for some, None: until there are."""
        while select.select([self._socket], [], [], seconds)[0]:
            pid, code = self._receive()
            self._running.pop(pid).returncode = code
            seconds = 0

    def _receive(self) -> tuple[int, int | None]:
        """Return a program's pid, and its exit code if it ended: None says that it started."""
        told = self._socket.recv(LONGEST_MESSAGE)
        assert told, "the fork server has ended"
        pid, code = pickle.loads(told)
        return pid, code

    def close(self) -> None:
        """End the fork server; programs that still run are not its concern."""
        self._socket.close()
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this process, started when it is first needed."""
    return ForkServer()


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a fork would be just what a new interpreter is in *environment*."""
    if sys.platform != "linux":
        return False
    return _of_the_interpreter({**environment, **FIXED}) == _of_the_interpreter(
        {**os.environ, **FIXED}
    )


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if name.startswith(OF_THE_INTERPRETER)
    }


def _serve(channel: socket.socket) -> Request | None:
    """Fork for each request; return what to run in the fork, None once the owner has ended."""
    awake, wake = socket.socketpair()
    for end in (awake, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([channel, awake], [], [])
        if awake in ready:
            awake.recv(4096)
            _tell_ends(channel)
        if channel in ready:
            told, files, _, _ = socket.recv_fds(channel, LONGEST_MESSAGE, 1)
            if not told:
                return None
            if not (pid := os.fork()):
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (channel, awake, wake):
                    end.close()
                for descriptor in (1, 2):
                    os.dup2(files[0], descriptor)
                os.close(files[0])
                os.setpgid(0, 0)
                request: Request = pickle.loads(told)
                return request
            os.close(files[0])
            # Here as well: a test may send a signal to the group before the fork gets to it.
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            channel.send(pickle.dumps((pid, None)))


def _tell_ends(channel: socket.socket) -> None:
    # There may be no child left, or no owner.
    with contextlib.suppress(ChildProcessError, BrokenPipeError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            channel.send(pickle.dumps((ended[0], os.waitstatus_to_exitcode(ended[1]))))


def main() -> None:
    """Serve until the owner ends; in a fork, be the program."""
    for library in LIBRARIES:
        importlib.import_module(library)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    request = _serve(socket.socket(fileno=int(sys.argv[1])))
    if request is None:
        return
    sys.argv, folder, environment = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    script = Path(folder, sys.argv[0])
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
