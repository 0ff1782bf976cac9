"""
The process that forks the programs of a test run.

Starting Python and importing Django, Twisted and the rest takes a server three
times as long as importing the project. A test run starts hundreds of programs,
so each process of pytest has one fork server, which imports the libraries once
and forks for each program. Nothing of the project is imported before the fork:
a program reads its settings and runs its script as usual. The Python programs
that such a program starts, for example a server's clerk, are forked here too.
`tests.support.forks` makes the requests.

It needs Linux: on other systems, a fork without an exec is not safe.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import pickle
import runpy
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from tests.support.forks import Request, arguments, fork_own_programs

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
LONGEST_MESSAGE = 2**18
STREAMS = 3
OWN_MODULES = "tests"
"""The package of this module, which a program imports again from its own path."""


class _Server:
    """The loop of the fork server."""

    def __init__(self, owner: socket.socket) -> None:
        self._owner = owner
        self._users = [owner]
        """The owner, and each forked program, which may request further forks."""
        self._running: dict[int, int] = {}
        """The channel on which to report the end of each running program, by process id."""
        self._awake, self._wake = socket.socketpair()
        for end in (self._awake, self._wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # The terminal sends both to the whole group; this process ends with its owner.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

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
                with contextlib.suppress(ConnectionResetError):
                    told, files, _, _ = socket.recv_fds(one, LONGEST_MESSAGE, STREAMS + 1)
                if told:
                    request: Request = pickle.loads(told)
                    if (channel := self._fork(files, request[-1])) is not None:
                        return request, channel
                elif one is self._owner:
                    return None
                else:
                    self._users.remove(one)
                    one.close()

    def _fork(self, files: list[int], group: int) -> socket.socket | None:
        """Fork with *files* as streams; in the fork, return its own channel to the server."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        *streams, told = files
        if not (pid := os.fork()):
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            for end in (*self._users, ours, self._awake, self._wake):
                end.close()
            for descriptor in (told, *self._running.values()):
                os.close(descriptor)
            for descriptor, file in enumerate(streams):
                os.dup2(file, descriptor)
                os.close(file)
            _join(0, group)
            return theirs
        theirs.close()
        for file in streams:
            os.close(file)
        self._users.append(ours)
        self._running[pid] = told
        # Here as well: a test may signal the group before the fork has created it.
        _join(pid, group)
        _tell(told, pid)
        return None

    def _tell_ends(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                told = self._running.pop(pid)
                _tell(told, os.waitstatus_to_exitcode(status))
                os.close(told)


def _join(pid: int, group: int) -> None:
    # The program may have ended, or lead a session by now; the group's last process may have ended.
    with contextlib.suppress(OSError):
        os.setpgid(pid, group)


def _tell(descriptor: int, number: int) -> None:
    # The requester may have ended.
    with contextlib.suppress(OSError):
        os.write(descriptor, str(number).encode())


def become(words: list[str]) -> None:
    """Run a script, ``-m`` and a module, or ``-c`` and a text, like a new interpreter."""
    sys.argv = words
    if sys.argv[0] == "-c":
        sys.path[0] = ""
        exec(sys.argv.pop(1), {"__name__": "__main__"})
    elif sys.argv[0] == "-m":
        sys.path[0] = str(Path.cwd())
        name = sys.argv.pop(1)
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        script = Path.cwd() / sys.argv[0]
        sys.path[0] = str(script.parent)
        runpy.run_path(str(script), run_name="__main__")


def _use_streams() -> None:
    """Open the standard streams as a new interpreter does."""
    buffering = 0 if os.environ.get("PYTHONUNBUFFERED") else -1
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for descriptor, name in enumerate(("stdout", "stderr"), start=1):
        before: Any = getattr(sys, name)
        stream = io.TextIOWrapper(
            open(descriptor, "wb", buffering, closefd=False),  # noqa: SIM115
            before.encoding,
            before.errors,
            newline="\n",
            line_buffering=name == "stderr" or os.isatty(descriptor),
            write_through=not buffering,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _use_path() -> None:
    """Obey PYTHONPATH: packages that it replaces are imported again."""
    folders = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    new = [one for one in folders if one not in sys.path[1:]]
    sys.path[:1] = ["", *new]
    replaced = {OWN_MODULES, *(path.stem for one in new for path in Path(one).glob("*"))}
    for name in list(sys.modules):
        if name.partition(".")[0] in replaced:
            del sys.modules[name]


def _exec(path: str, command: list[str]) -> NoReturn:
    """Become *command* in place of an exec of this interpreter."""
    assert path == sys.executable
    become(arguments(command))
    sys.exit()


def main() -> None:
    """Serve until the owner ends; in a fork, become the program."""
    for library in LIBRARIES:
        importlib.import_module(library)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    wanted = _Server(socket.socket(fileno=int(sys.argv[1]))).serve()
    if wanted is None:
        return
    (words, folder, environment, _), channel = wanted
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _use_streams()
    _use_path()
    fork_own_programs(channel)
    os.execv = _exec  # type: ignore[assignment]
    become(words)


if __name__ == "__main__":
    main()
