"""
The process that forks the programs of a test run.

Starting Python and importing Django, Twisted and the rest takes a server three
times as long as importing the project. A test run starts hundreds of programs,
so each process of pytest has one fork server, which imports the libraries once
and forks for each program. Of the project it imports only what needs no
settings: a program reads its settings and runs its script as usual. The Python
programs that such a program starts, for example a server's clerk, are forked
here too. `tests.support.forks` makes the requests.

It needs Linux: on other systems, a fork without an exec is not safe.
"""

from __future__ import annotations

import atexit
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
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from tests.support.forks import CHECKOUT, Request, arguments, fork_own_programs

LIBRARIES = (
    *("autobahn.twisted.websocket", "daphne.http_protocol", "daphne.ws_protocol"),
    *("twisted.internet.endpoints", "twisted.internet.posixbase", "twisted.internet.ssl"),
    *("twisted.web.http", "channels.generic.websocket", "channels.routing", "channels_redis.core"),
    *("channels_redis.pubsub", "corsheaders.middleware", "django.contrib.admin.sites"),
    *("django.contrib.admin.views.main", "django.contrib.auth.password_validation"),
    *("django.contrib.auth.tokens", "django.contrib.humanize.templatetags.humanize"),
    *("django.contrib.messages.middleware", "django.contrib.postgres.fields"),
    *("django.contrib.sessions.backends.db", "django.contrib.sessions.middleware"),
    *("django.contrib.staticfiles.handlers", "django.core.asgi", "django.middleware.clickjacking"),
    *("django.core.management.commands.runserver", "django.db.backends.sqlite3.base"),
    *("django.db.migrations.executor", "django.middleware.common", "django.middleware.security"),
    *("django.template.loaders.app_directories", "django.test.signals"),
    *("environ", "numpy.random", "faker", "orjson", "psycopg", "redis.asyncio"),
    *("rich.console", "rich.live", "rich.table", "unfold.dataclasses"),
    *("websockets.asyncio.client", "whitenoise.middleware"),
)
"""Libraries of the programs. Without Twisted's reactor: processes cannot share its loop."""
PROJECT = ("clientapp", "feeds")
MODULES = (
    *("clientapp.cli", "clientapp.collect", "feeds.daphne.pending", "feeds.daphne.websocket"),
    *("feeds.fanout.pump", "feeds.layer.channel_layer", "feeds.management.options"),
    *("feeds.making.maker", "feeds.making.publisher", "feeds.sqlite.base", "feeds.storing.clerk"),
    "feeds.storing.insertion",
)
"""Modules of the project that need no settings, and read no state of a process."""
HOMES = (CHECKOUT, CHECKOUT / "clientapp")
"""The folders whose programs import the project from the checkout."""
SETTINGS, USUAL = "DJANGO_SETTINGS_MODULE", "wsproject.settings"
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


def _use_path(words: list[str]) -> None:
    """Forget the modules that the program, by its place or PYTHONPATH, imports from elsewhere."""
    folders = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    new = [one for one in folders if one not in sys.path[1:]]
    sys.path[:1] = ["", *new]
    others = [Path(one) for one in new if Path(one) != CHECKOUT]
    replaced = {path.stem for one in others for path in one.glob("*")}
    home = Path.cwd() if words[0] in {"-c", "-m"} else (Path.cwd() / words[0]).parent
    # Settings of tests change what modules of the project read when they are imported.
    if replaced or home not in HOMES or os.environ.get(SETTINGS, USUAL) != USUAL:
        replaced.update(PROJECT)
    replaced.add(OWN_MODULES)
    for name in list(sys.modules):
        if name.partition(".")[0] in replaced:
            del sys.modules[name]


def _exec(path: str, command: list[str]) -> NoReturn:
    """Become *command* in place of an exec of this interpreter."""
    assert path == sys.executable
    become(arguments(command))
    sys.exit()


def _end(code: int) -> NoReturn:
    """
    End the program like an interpreter, except that its memory is not freed object by object.

    That would copy most of the memory that it shares with the fork server.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            try:
                stream.flush()
            except OSError:
                code = 120  # like Python
    os._exit(code)


def main() -> None:
    """Serve until the owner ends; in a fork, become the program."""
    for name in (*LIBRARIES, *MODULES):
        importlib.import_module(name)
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
    _use_path(words)
    fork_own_programs(channel)
    os.execv = _exec  # type: ignore[assignment]
    try:
        become(words)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _end(end.code or 0)
    _end(0)


if __name__ == "__main__":
    main()
