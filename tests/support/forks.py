"""
Python programs that the fork server starts, with the interface of `subprocess`.

`popen` and `run` start a Python program by forking if a fork behaves like a new interpreter, and
like `subprocess` otherwise.
"""

from __future__ import annotations

import atexit
import inspect
import os
import pickle
import select
import socket
import subprocess
import sys
import weakref
from asyncio import unix_events
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
OF_THE_INTERPRETER = ("PYTHON", "LD_", "LC_", "LANG")
"""Prefixes of variables that only a new interpreter obeys."""
OBEYED = ("PYTHONPATH", "PYTHONUNBUFFERED")
"""Variables that a forked program obeys as well."""
FIXED = {"PYTHONFAULTHANDLER": "1"}
"""Variables of the fork server, which all its programs inherit."""
OPTIONS = {
    *("stdin", "stdout", "stderr", "bufsize", "cwd", "env", "process_group", "close_fds"),
    *("text", "universal_newlines", "encoding", "errors", "shell"),
}
"""The options of `subprocess.Popen` that a forked program supports."""
_LONGEST_ANSWER = 64

Request = tuple[list[str], str, dict[str, str], int]
"""
A script, ``-m`` and a module, or ``-c`` and a text, with arguments; the folder to run it in; its
environment; and its process group, 0 for a new one.
"""


class ForkedProcess(subprocess.Popen[Any]):
    """A forked Python program."""

    def __init__(self, channel: socket.socket, command: Sequence[Any], **options: Any) -> None:
        """Start *command*, an interpreter with arguments, by a request through *channel*."""
        self._channel = channel
        super().__init__(command, **options)

    def _execute_child(self, *values: Any) -> None:
        asked = _EXECUTE.bind(self, *values).arguments
        group = asked["process_group"]
        request: Request = (
            arguments(asked["args"]),
            os.path.abspath(asked["cwd"] or "."),  # noqa: PTH100  may be bytes
            dict(os.environ if asked["env"] is None else asked["env"]),
            os.getpgrp() if group in (None, -1) else group,
        )
        streams = [
            descriptor if (descriptor := asked[name]) != -1 else own
            for own, name in enumerate(("p2cread", "c2pwrite", "errwrite"))
        ]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._channel, [pickle.dumps(request)], [*streams, theirs.fileno()])
        self._told = ours.detach()
        # Not sooner: another thread may be waiting for the end.
        weakref.finalize(self, os.close, self._told)
        told = os.read(self._told, _LONGEST_ANSWER)
        assert told, "the fork server has ended"
        self.pid = int(told)
        self._child_created = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(asked[name] for name in ends))  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        return self._await_end(0)

    def _wait(self, timeout: float | None) -> int:
        if (code := self._await_end(timeout)) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _await_end(self, seconds: float | None) -> int | None:
        """Return the exit code once the program has ended, None after *seconds*."""
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            with self._waitpid_lock:  # type: ignore[attr-defined]
                if self.returncode is None:
                    told = os.read(self._told, _LONGEST_ANSWER)
                    assert told, "the fork server has ended"
                    self.returncode = int(told)
        return self.returncode


_EXECUTE = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]


class ForkServer:
    """The fork server as a process of its owner."""

    def __init__(self) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forkserver", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                cwd=CHECKOUT,
                # A single thread: numpy's other threads would not survive a fork.
                env={**os.environ, **FIXED, "OPENBLAS_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                # In the owner's group: if a program ended whose parent is in another group, and a
                # test had stopped a process, Linux would send SIGHUP to the whole test run.
            )
        atexit.register(self.close)

    def close(self) -> None:
        """End the fork server; programs that are still running continue."""
        self.channel.close()
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """Return the fork server of this process, which starts on first use."""
    return ForkServer()


def popen(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """Start *command* like `subprocess.Popen`, by forking if possible."""
    forks_by_itself = getattr(subprocess.Popen, "forks_by_itself", False)
    if can_fork(command, options) and not forks_by_itself:
        return ForkedProcess(fork_server().channel, command, **options)
    return subprocess.Popen(command, **options)


def run(
    command: Sequence[Any],
    *,
    capture_output: bool = False,
    check: bool = False,
    timeout: float | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run *command* to its end like `subprocess.run`, by forking if possible."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with popen(command, **options) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done


def can_fork(command: Any, options: Mapping[str, Any]) -> bool:
    """Tell whether a fork behaves like a new process of *command* with these *options*."""
    if sys.platform != "linux" or not isinstance(command, (list, tuple)):
        return False
    if command[0] != sys.executable or not arguments(command):
        return False
    if not options.keys() <= OPTIONS or options.get("shell"):
        return False
    environment = options.get("env")
    return environment is None or _of_the_interpreter(environment) == _of_the_interpreter(
        os.environ
    )


def arguments(command: Sequence[Any]) -> list[str]:
    """Return the part of *command* that a fork can run; empty if it has other flags."""
    words = [os.fspath(word) for word in command[1:]]
    if words[:1] == ["-u"]:  # the fork server's programs are unbuffered anyway, or obey it
        words = words[1:]
    is_known = bool(words) and (words[0] in {"-c", "-m"} or words[0].endswith(".py"))
    return words if is_known else []


def _of_the_interpreter(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in {**environment, **FIXED}.items()
        if name.startswith(OF_THE_INTERPRETER) and name not in OBEYED
    }


def fork_own_programs(channel: socket.socket) -> None:
    """Let this forked program start its own Python programs by forking, too."""
    forked: dict[int, ForkedProcess] = {}
    new, waitpid = subprocess.Popen, os.waitpid

    class Popen(new):  # type: ignore[misc,valid-type]
        forks_by_itself = True

        def __new__(cls, command: Any, *_: Any, **options: Any) -> Any:
            # A program in a session of its own, for example a terminal's, starts others in it.
            is_apart = os.getsid(0) != os.getsid(os.getppid())
            if cls is not Popen or is_apart or not can_fork(command, options):
                return super().__new__(cls)
            process = ForkedProcess(channel, command, **options)
            forked[process.pid] = process
            return process

    def wait(pid: int, options: int) -> tuple[int, int]:
        # asyncio waits for its processes by this call.
        if (process := forked.get(pid)) is None:
            return waitpid(pid, options)
        code = process.poll() if options & os.WNOHANG else process.wait()
        if code is None:
            return 0, 0
        del forked[pid]
        return pid, code << 8 if code >= 0 else -code

    subprocess.Popen = Popen  # type: ignore[assignment,misc]
    os.waitpid = wait
    # From Python 3.12 on, asyncio prefers a call that finds no process after its end.
    unix_events.can_use_pidfd = lambda: False  # type: ignore[attr-defined]
