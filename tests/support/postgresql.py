"""
A private PostgreSQL server in a temporary folder.

It listens at a socket in its folder only, unless it is started with a port, and any local user
may connect. PostgreSQL refuses to run as root, so then it runs as the user `USER`. It ends with
the process of pytest that started it (``guardian.py``), even if that is killed.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tools.waiting import PATIENCE_SECONDS, until

USER = "postgres"
"""The user that runs a server if root starts it, and the superuser of the database."""
DEBIAN = Path("/usr/lib/postgresql")
"""Debian's folder of servers, which are not in the PATH."""
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "100",
    "deadlock_timeout": "100ms",
    "log_line_prefix": "%p ",
    "dynamic_shared_memory_type": "mmap",  # in its folder: a killed server leaves nothing elsewhere
}


class MissingError(Exception):
    """PostgreSQL is not installed."""

    def __init__(self) -> None:
        super().__init__("PostgreSQL is not installed (Debian: postgresql)")


@cache
def programs() -> Path:
    """Return the folder of the newest PostgreSQL server; raises MissingError."""
    found = [Path(path).parent for path in (shutil.which("initdb"),) if path]
    found += sorted(DEBIAN.glob("*/bin"), key=lambda path: -float(path.parent.name))
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise MissingError


class PostgreSQL:
    """A server, from `start` to `close`."""

    def __init__(
        self, folder: Path, *, port: int | None = None, inside: Sequence[str] = (), **settings: str
    ) -> None:
        """
        Create a cluster in *folder*, which must be empty; raises MissingError.

        *inside* is ``nsenter`` with options if it is to run in a namespace.
        """
        self.folder = folder
        self.port = port
        self._inside = inside
        self._data = folder / "data"
        self._log = folder / "log"
        self._settings = {**SETTINGS, **settings}
        if port is not None:
            self._settings |= {"listen_addresses": "127.0.0.1", "port": str(port)}
        self._process: subprocess.Popen[bytes] | None = None
        self._log.touch()
        _give_away(folder, self._log)
        # With owner and permissions.
        subprocess.run(["cp", "-a", _new_cluster(), self._data], check=True)
        configuration = "\n".join(f"{name} = '{value}'" for name, value in self._settings.items())
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"{configuration}\nunix_socket_directories = '{folder}'\n")

    @property
    def host(self) -> str:
        """The folder of its socket, or its address."""
        return str(self.folder) if self.port is None else "127.0.0.1"

    @property
    def said(self) -> str:
        """The server's log."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def url(self, name: str = USER) -> str:
        """Return the address of the database *name*, as DATABASE_URL."""
        if self.port is None:
            return f"postgresql://{USER}@/{name}?host={quote(self.host, safe='')}"
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def connect(self, name: str = USER, **options: Any) -> psycopg.Connection[Any]:
        """Connect as superuser, in autocommit mode."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=USER,
            dbname=name,
            autocommit=True,
            **options,
        )

    def execute(self, statement: str, name: str = USER) -> list[tuple[Any, ...]]:
        """Execute *statement* in the database *name*; return its rows."""
        with self.connect(name) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start, and wait until it accepts connections."""
        with self._log.open("ab") as log:
            command: list[str | Path] = [programs() / "postgres", "-D", self._data]
            owner = _owner()
            if self._inside:  # only root may enter, so nsenter lets go of it
                ids = (f"--setuid={owner['user']}", f"--setgid={owner['group']}")
                command, owner = [*self._inside, *ids, *command], {}
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **owner,
            )
        until(self._is_ready, lambda: f"PostgreSQL did not start:\n{self.said}")

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the server; by default all sessions are ended, and nothing is lost."""
        if self._process is not None:
            self.thaw()
            self._process.send_signal(number)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def restart(self) -> None:
        """End all sessions, and start again."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop all its processes: connections stay open, and nothing is answered."""
        self._send_to_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server continue."""
        self._send_to_all(signal.SIGCONT)

    def kill(self, pid: int) -> None:
        """Kill one of its processes."""
        assert pid in self.pids()
        os.kill(pid, signal.SIGKILL)

    def pids(self) -> list[int]:
        """Return the ids of all its processes, the first one first."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def close(self) -> None:
        """End the server at once."""
        self.stop(signal.SIGQUIT)

    def program(self, name: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs to its end; return its output."""
        return _program(self.folder, name, *arguments)

    def _send_to_all(self, number: int) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):  # the process of a connection ends with it
                os.kill(pid, number)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"PostgreSQL ended:\n{self.said}"
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running(*, port: int | None = None, **settings: str) -> Iterator[PostgreSQL]:
    """Run a server in a folder of its own; raises MissingError."""
    # The path of a socket has at most 107 characters, which pytest's own folders nearly use up.
    folder = Path(tempfile.mkdtemp(prefix="blockfeed-pg-"))
    server = None
    try:
        programs()
        server = PostgreSQL(folder, port=port, **settings)
        server.start()
        yield server
    finally:
        if server is not None:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def patient_url(server: PostgreSQL) -> str:
    """Return the address, without the limits that a test on a loaded machine could reach."""
    limits = {"statement_timeout": "5min", "lock_timeout": "5min"}
    limits["idle_in_transaction_session_timeout"] = "0"
    return "&".join([server.url(), *(f"{name}={value}" for name, value in limits.items())])


@cache
def _new_cluster() -> Path:
    """Return a new cluster to copy from, because `initdb` takes a second; raises MissingError."""
    folder = Path(tempfile.mkdtemp(prefix="blockfeed-pg-new-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _give_away(folder)
    data = folder / "data"
    _program(folder, "initdb", "--auth=trust", f"--username={USER}", "--no-sync", str(data))
    return data


def _program(folder: Path, name: str, *arguments: str) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [programs() / name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **_owner(),
    )
    assert done.returncode == 0, f"{name} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def _give_away(*paths: Path) -> None:
    """Let the server's user own *paths*, if root starts it."""
    if os.geteuid() == 0:
        owner = pwd.getpwnam(USER)
        for path in paths:
            os.chown(path, owner.pw_uid, owner.pw_gid)


def _owner() -> dict[str, Any]:
    """Return the arguments of `subprocess.Popen` that give up the rights of root."""
    if os.geteuid() != 0:
        return {}
    owner = pwd.getpwnam(USER)
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
