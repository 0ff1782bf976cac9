"""
Programs started by forking a process that has already loaded their libraries.

Starting Python and importing Django, Twisted and the rest takes a server three
times as long as importing the project. A test run starts hundreds of programs,
so each process of pytest has one fork server, which imports the libraries once
and forks for each program. Nothing of the project is imported before the fork:
a program reads its settings and runs its script as usual. The processes of
`feeds.running.child` that such a program starts, for example a server's clerk,
are forked here too.

It needs Linux: on other systems, a fork without an exec is not safe.
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
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

LIBRARIES = (
    *("autobahn.twisted.websocket", "twisted.internet.endpoints", "twisted.internet.ssl"),
    *("twisted.web.http", "channels.generic.websocket", "channels.routing", "channels_redis.core"),
    *("django.contrib.admin.sites", "django.contrib.staticfiles.handlers", "django.test.signals"),
    *("django.core.management.commands.runserver", "django.db.backends.sqlite3.base"),
    *("django.contrib.humanize.templatetags.humanize", "django.db.migrations.executor"),
    *("environ", "numpy.random", "faker", "orjson", "redis.asyncio", "rich.console", "rich.live"),
    *("rich.table", "websockets.asyncio.client", "whitenoise.middleware"),
)
"""Libraries of the programs. Without Twisted's reactor: processes cannot share its loop."""
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG")
"""Prefixes of variables that only a new interpreter obeys."""
FIXED = {"PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"}
"""Variables of the fork server, which all its programs inherit."""
LONGEST_MESSAGE = 2**18


Request = tuple[list[str], str, dict[str, str]]
"""A script with its arguments, or ``-c`` with a text; the folder to run it in; its environment."""


class ForkedProcess:
    """A forked program, with the part of `subprocess.Popen` that its users need."""

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None

    def __init__(self, forks: Forks, pid: int) -> None:
        self._forks = forks
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        self._forks.read(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if left == 0.0:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self._forks.read(left)
        return self.returncode

    def communicate(self) -> tuple[bytes, None]:
        """Close its input, read its output, and wait for its end."""
        assert self.stdin is not None
        assert self.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        with self.stdout as stream:
            said = stream.read()
        self.wait()
        return said, None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the program has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the program to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the program at once."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """A connection to the fork server, and the programs forked through it."""

    def __init__(self, channel: socket.socket) -> None:
        """Send requests through *channel*; any thread may use this object."""
        self._channel = channel
        self._lock = threading.Lock()
        self._running: dict[int, ForkedProcess] = {}

    def start(self, request: Request, streams: Sequence[int]) -> ForkedProcess:
        """Start a program with *streams* as its input, output and errors."""
        with self._lock:
            socket.send_fds(self._channel, [pickle.dumps(request)], streams)
            while True:
                pid, code = self._receive()
                if code is None:
                    self._running[pid] = ForkedProcess(self, pid)
                    return self._running[pid]
                self._running.pop(pid).returncode = code

    def read(self, seconds: float | None) -> None:
        """Read which programs ended; wait at most *seconds* for the first, None: without limit."""
        with self._lock:
            while select.select([self._channel], [], [], seconds)[0]:
                pid, code = self._receive()
                self._running.pop(pid).returncode = code
                seconds = 0

    def _receive(self) -> tuple[int, int | None]:
        """Return a program's pid and its exit code; None: the program has just started."""
        told = self._channel.recv(LONGEST_MESSAGE)
        assert told, "the fork server has ended"
        pid, code = pickle.loads(told)
        return pid, code

    def close(self) -> None:
        """Close the channel; programs that are still running continue."""
        self._channel.close()


class ForkServer:
    """The fork server as a process of its owner."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._forks = Forks(ours)
        self._nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                # A single thread: numpy's other threads would not survive a fork.
                env={**os.environ, **FIXED, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        atexit.register(self.close)

    def start(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str], output: int
    ) -> ForkedProcess:
        """Run a script with *arguments* in *folder*; *output* is the descriptor of both outputs."""
        request = (arguments, str(folder), dict(environment))
        return self._forks.start(request, (self._nothing, output, output))

    def close(self) -> None:
        """End the fork server; programs that are still running continue."""
        self._forks.close()
        os.close(self._nothing)
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this process, which starts on first use."""
    return ForkServer()


def can_fork(environment: Mapping[str, str]) -> bool:
    """Tell whether a fork behaves like a new interpreter in *environment*."""
    if sys.platform != "linux":
        return False
    return _of_the_interpreter({**environment, **FIXED}) == _of_the_interpreter(
        {**os.environ, **FIXED}
    )


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in environment.items() if name.startswith(OF_THE_INTERPRETER)
    }


class _Server:
    """The loop of the fork server."""

    def __init__(self, owner: socket.socket) -> None:
        self._owner = owner
        self._users = [owner]
        """The owner, and each forked program, which may request further forks."""
        self._asked: dict[int, socket.socket] = {}
        """The requester of each running program, by process id."""
        self._awake, self._wake = socket.socketpair()
        for end in (self._awake, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> tuple[Request, socket.socket] | None:
        """Fork for each request; return the request in a fork, None once the owner has ended."""
        while True:
            ready, _, _ = select.select([*self._users, self._awake], [], [])
            for one in ready:
                if one is self._awake:
                    self._awake.recv(4096)
                    self._tell_ends()
                    continue
                told = b""
                files: list[int] = []
                # A killed program may leave unread data, which resets its channel.
                with contextlib.suppress(ConnectionResetError):
                    told, files, _, _ = socket.recv_fds(one, LONGEST_MESSAGE, 3)
                if told:
                    if (channel := self._fork(one, files)) is not None:
                        return pickle.loads(told), channel
                elif one is self._owner:
                    return None
                else:
                    self._users.remove(one)
                    one.close()

    def _fork(self, user: socket.socket, files: list[int]) -> socket.socket | None:
        """Fork for *user*; in the fork, return its own channel to the server."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not (pid := os.fork()):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (*self._users, ours, self._awake, self._wake):
                end.close()
            for descriptor, file in enumerate(files):
                os.dup2(file, descriptor)
                os.close(file)
            os.setpgid(0, 0)
            return theirs
        theirs.close()
        for file in files:
            os.close(file)
        self._users.append(ours)
        self._asked[pid] = user
        # Here as well: a test may signal the group before the fork has created it.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        _tell(user, pid, None)
        return None

    def _tell_ends(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                _tell(self._asked.pop(pid), pid, os.waitstatus_to_exitcode(status))


def _tell(user: socket.socket, pid: int, code: int | None) -> None:
    # The requester may have ended.
    with contextlib.suppress(OSError):
        user.send(pickle.dumps((pid, code)))


def _fork_children(forks: Forks) -> None:
    """Let `feeds.running.child` in this program start its processes by forking."""

    class Popen(subprocess.Popen[bytes]):
        def __new__(cls, command: Any, **options: Any) -> Any:
            if not _is_child(command, options):
                return super().__new__(cls)
            theirs, stdin = os.pipe()
            stdout, answers = os.pipe()
            process = forks.start(
                (command[1:], str(Path.cwd()), options["env"]), (theirs, answers, 2)
            )
            os.close(theirs)
            os.close(answers)
            process.stdin, process.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
            return process

    subprocess.Popen = Popen  # type: ignore[assignment,misc]


def _is_child(command: Any, options: dict[str, Any]) -> bool:
    """Tell whether a process is started exactly as `feeds.running.child` does it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return (
        isinstance(command, list)
        and command[:2] == [sys.executable, "-c"]
        and options == {**pipes, "process_group": 0, "env": options.get("env")}
    )


def main() -> None:
    """Serve until the owner ends; in a fork, become the program."""
    for library in LIBRARIES:
        importlib.import_module(library)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    wanted = _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if wanted is None:
        return
    (sys.argv, folder, environment), channel = wanted
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _fork_children(Forks(channel))
    if sys.argv[0] == "-c":
        text = sys.argv.pop()
        sys.stdin = os.fdopen(0, closefd=False)
        sys.path[:1] = ["", *os.environ["PYTHONPATH"].split(os.pathsep)]
        exec(text, {"__name__": "__main__"})
        return
    script = Path(folder, sys.argv[0])
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
