"""`make run`: everything at once, as a new user starts it."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from tools.run import HOST, LAST_PORT, CannotStart, free_port

CHECKOUT = Path(__file__).parent.parent.parent
Start = Callable[[], "Running"]


class Running:
    """`tools.run` in a process of its own, and what it said so far."""

    def __init__(self, folder: Path, first_port: int) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.run"],
            cwd=CHECKOUT,
            env={**os.environ, "BLOCKFEED_VAR": str(folder), "PORT": str(first_port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, *patterns: str) -> list[str]:
        """Read on until all *patterns* were said; return what stands in their groups."""
        assert self.process.stdout is not None
        while not all(found := [re.search(pattern, self.said) for pattern in patterns]):
            line = self.process.stdout.readline()
            assert line, f"it ended before it said {patterns}:\n{self.said}"
            self.said += line
        return [match[match.lastindex or 0] for match in found if match]

    def read_to_end(self) -> int:
        """Read the rest; return the exit code."""
        self.said += self.process.communicate()[0]
        return self.process.returncode

    def children(self) -> dict[int, str]:
        """Return its running children: process ids and command lines."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
        return {int(pid): args for pid, parent, args in rows if int(parent) == self.process.pid}


@pytest.fixture
def start(tmp_path: Path, worker_id: str) -> Iterator[Start]:
    """Start everything on a new folder; end it whatever happens."""
    # Workers must not race for a port between finding it free and taking it.
    first_port = 8100 + 100 * int(re.sub(r"\D", "", worker_id) or 0)
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(tmp_path, first_port))
        return started[-1]

    yield start
    for running in started:
        with running.process as process:
            process.terminate()


def can_log_in(admin: str, password: str) -> bool:
    """Tell whether the account ``admin`` gets into the admin."""
    cookies = CookieJar()
    opener = build_opener(HTTPCookieProcessor(cookies))
    opener.open(f"{admin}login/").close()
    token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": token}
    with opener.open(f"{admin}login/?next=/admin/", urlencode(form).encode()) as answer:
        return bool(answer.url == admin)


def is_running(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_runs_and_stops_all(start: Start, tmp_path: Path) -> None:
    """Blocks come in, the account works, and Ctrl-C ends all of it cleanly."""
    running = start()
    admin, password = running.read_until(r"admin +(http\S+)\n", r"user admin, password (\S+) ")
    running.read_until(*(rf"{name} +\| Block 1 received" for name in ("alice", "bob", "carol")))
    children = running.children()
    assert len(children) == 5
    assert can_log_in(admin, password)
    assert stat.S_IMODE((tmp_path / "admin_password").stat().st_mode) == 0o600

    running.process.send_signal(signal.SIGINT)
    assert running.read_to_end() == 0, running.said
    assert "Traceback" not in running.said
    assert [pid for pid in children if is_running(pid)] == []


def test_started_again_it_goes_on(start: Start) -> None:
    """The second start has the same password and the next blocks."""
    first = start()
    [password] = first.read_until(r"user admin, password (\S+) ", r"alice +\| Block 1 received")[:1]
    first.process.terminate()
    assert first.read_to_end() == 0
    second = start()
    second.read_until(re.escape(password), r"alice +\| Block 2 received")


def test_a_changed_password_is_not_printed(start: Start, tmp_path: Path) -> None:
    """Where the account has another password, the one that is kept is called wrong."""
    first = start()
    old = first.read_until(r"user admin, password (\S+) ", r"alice +\| Block 1 received")[0]
    first.process.terminate()
    assert first.read_to_end() == 0
    change = "u = User.objects.get(username='admin'); u.set_password('another one'); u.save()"
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", change],
        cwd=CHECKOUT,
        env={**os.environ, "BLOCKFEED_VAR": str(tmp_path)},
        check=True,
    )
    second = start()
    admin, said = second.read_until(r"admin +(http\S+)\n", r"(user admin, .+)\n")
    kept = tmp_path / "admin_password"
    assert said.startswith("user admin, with the password it was given; ")
    assert said.endswith(f"the one in {kept} is not it any more")
    assert old not in second.said
    assert kept.read_text() == f"{old}\n"
    assert can_log_in(admin, "another one")


def test_taken_port(start: Start) -> None:
    """Where somebody listens, the next free port is taken."""
    running = start()
    first = int(running.read_until(r"page +http://127.0.0.1:(\d+)/")[0])
    second = start()
    assert int(second.read_until(r"page +http://127.0.0.1:(\d+)/")[0]) == first + 1


@pytest.mark.parametrize("program", ["tools.run", "tools.experiment"])
@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "8000.0"])
def test_wrong_port(program: str, port: str, tmp_path: Path) -> None:
    """A PORT that is none ends the program with a sentence, before anything is made."""
    done = subprocess.run(
        [sys.executable, "-m", program],
        cwd=CHECKOUT,
        env={**os.environ, "BLOCKFEED_VAR": str(tmp_path), "PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"PORT is '{port}'; it must be a number from 1 to 65535\n"
    assert list(tmp_path.glob("*.sqlite3")) == []


def test_ports_end() -> None:
    """Where the last port of all is taken, a sentence says which were tried."""
    with socket.socket() as one:
        one.bind((HOST, LAST_PORT))
        one.listen()
        with pytest.raises(CannotStart, match="all ports from 65535 to 65535 are taken"):
            free_port(LAST_PORT)


def test_death_of_a_child_ends_all(start: Start) -> None:
    """A child that dies is named with its exit code, and nothing goes on without it."""
    running = start()
    running.read_until(r"generator +\| feed users")
    children = running.children()
    [generator] = [pid for pid, command in children.items() if "manage.py generate" in command]
    os.kill(generator, signal.SIGKILL)
    assert running.read_to_end() == 1
    assert "generator ended with exit code -9" in running.said.splitlines()
    assert [pid for pid in children if is_running(pid)] == []
