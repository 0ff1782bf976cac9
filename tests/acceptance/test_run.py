"""`make run`: everything at once, as a new user starts it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from websockets.sync.client import connect

from feeds.sources import make_source
from tests.support import stack
from tests.support.forks import run
from tools.installation import CannotStart
from tools.ports import HOST, LAST_PORT, free_port, is_taken
from tools.terminal_window import TerminalWindow
from tools.waiting import PATIENCE_SECONDS, until

CHECKOUT = Path(__file__).parent.parent.parent
Start = Callable[..., "Running"]


class Running:
    """`tools.run` in a separate process, and its output."""

    def __init__(self, folder: Path, first_port: int, *options: str) -> None:
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.run", *options],
            cwd=CHECKOUT,
            env={**os.environ, "BLOCKFEED_VAR": str(folder), "PORT": str(first_port)},
            stdout=subprocess.PIPE,
            # With --json, the lines of the programs are not in the output.
            stderr=None if "--json" in options else subprocess.STDOUT,
            text=True,
        )

    def read_until(self, *patterns: str) -> list[str]:
        """Read until all *patterns* were printed; return the text of their groups."""
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
        """Return the running children: process ids and command lines."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
        return {int(pid): args for pid, parent, args in rows if int(parent) == self.process.pid}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start everything in a new folder; end it in any case."""
    first_port = stack.free_port()
    started: list[Running] = []

    def start(*options: str) -> Running:
        started.append(Running(tmp_path, first_port, *options))
        return started[-1]

    yield start
    for running in started:
        with running.process as process:
            process.terminate()


def can_log_in(admin: str, password: str) -> bool:
    """Tell whether the account ``admin`` can sign in."""
    cookies = CookieJar()
    opener = build_opener(HTTPCookieProcessor(cookies))
    opener.open(f"{admin}login/").close()
    token = next(cookie.value for cookie in cookies if cookie.name.startswith("csrftoken"))
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


def test_run_starts_and_stops_everything(start: Start, tmp_path: Path) -> None:
    """Blocks arrive, the account works, Ctrl-C ends all cleanly, and the next start resumes."""
    running = start()
    account = r"user admin, password (\S+)\n +kept in .+admin_password\n"
    admin, password = running.read_until(r"admin +(http\S+)\n", account)
    running.read_until(*(rf"{name} +\| Block 1 received" for name in ("alice", "bob", "carol")))
    children = running.children()
    assert len(children) == 5
    assert can_log_in(admin, password)
    before, _, _ = running.said.partition("Blockfeed is running.")
    assert before.count("Connected to ws://") == 3
    with build_opener().open(f"{admin.removesuffix('admin/')}static/feeds/page.css") as file:
        assert file.status == 200
    assert stat.S_IMODE((tmp_path / "admin_password").stat().st_mode) == 0o600

    running.process.send_signal(signal.SIGINT)
    assert running.read_to_end() == 0, running.said
    assert "Traceback" not in running.said
    assert "is not running" not in running.said
    assert "/admin/login/" in running.said
    assert "/static/" not in running.said
    assert "\x1b" not in running.said
    assert [pid for pid in children if is_running(pid)] == []

    again = start()
    again.read_until(re.escape(password), r"alice +\| Block (?!1 )\d+ received")


def test_changed_password_is_not_printed(start: Start, tmp_path: Path) -> None:
    """If the account has another password, the stored one is reported as outdated."""
    first = start()
    [old] = first.read_until(r"user admin, password (\S+)\n")
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
    kept = tmp_path / "admin_password"
    account = (
        r"user admin, with the password you gave it\n"
        rf" +the one in {re.escape(str(kept))} is no longer valid\n"
    )
    [admin, _] = second.read_until(r"admin +(http\S+)\n", account)
    assert old not in second.said
    assert kept.read_text() == f"{old}\n"
    assert can_log_in(admin, "another one")


def test_taken_port_is_skipped() -> None:
    """If the port is taken, the next free one is used."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 100
    assert free_port(port) == port


@pytest.mark.parametrize("program", ["tools.run", "tools.experiment"])
@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "8000.0"])
def test_wrong_port_is_refused(program: str, port: str, tmp_path: Path) -> None:
    """An invalid PORT ends the program with a sentence before anything is created."""
    done = run(
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


def test_any_port_stays_ours() -> None:
    """A port that the system chose stays reserved for our servers, also when they restart."""
    port = free_port(0)
    for _ in range(2):
        with socket.create_server((HOST, port)):
            assert is_taken(port)
        assert not is_taken(port)
    assert free_port(0) != port


def test_no_free_port_is_reported() -> None:
    """If the last possible port is taken, a sentence names the ports that were tried."""
    with socket.socket() as one:
        one.bind((HOST, LAST_PORT))
        one.listen()
        with pytest.raises(CannotStart, match="all ports from 65535 to 65535 are in use"):
            free_port(LAST_PORT)


def test_program_that_ends_ends_no_other(start: Start, tmp_path: Path) -> None:
    """A client that was disconnected, and a dead generator, do not stop the others."""
    running = start()
    admin = running.read_until(r"admin +(http\S+)\n", r"alice +\| Block 1 verified")[0]
    with taking_over(admin, tmp_path / "logs" / "alice.log"):
        words = r"alice ended with exit code 3; the others keep running\. Start it again"
        running.read_until(words)
    [generator] = [pid for pid, args in running.children().items() if "generate" in args]
    os.kill(generator, signal.SIGKILL)
    words = r"generator ended with exit code -9; the others keep running\. Start it again with:\n"
    [again] = running.read_until(rf"{words}(.+)\n")
    assert again.endswith("manage.py generate")
    running.read_until(r"bob +\| feed arrays is not running")
    with subprocess.Popen(["sh", "-c", f"exec env {again} --feed=arrays"], cwd=CHECKOUT) as other:
        try:
            running.read_until(r"bob +\| feed arrays is not(.|\n)+bob +\| Block \d+ verified")
        finally:
            other.terminate()
    children = running.children()
    assert len(children) == 3
    running.process.send_signal(signal.SIGINT)
    assert running.read_to_end() == 1
    assert running.said.splitlines()[-1] == "generator ended with exit code -9"
    assert [pid for pid in children if is_running(pid)] == []


def test_programs_learn_the_address(start: Start, tmp_path: Path) -> None:
    """
    With --json, the output is one line with the address, which the ready file has as well.

    The chosen feed has the chosen rate and seed, and only its client runs. Ctrl-C removes the file.
    """
    ready, var = tmp_path / "ready.json", tmp_path / "other"
    chosen = ("--feed=users", "--rate=50", "--seed=7")
    running = start("--port=0", "--json", f"--ready-file={ready}", f"--var={var}", *chosen)
    [line] = running.read_until(r"(\{.+\})\n")
    told = json.loads(line)
    assert (told["event"], told["pid"]) == ("ready", running.process.pid)
    assert told["var"] == str(var)
    assert ready.read_text() == f"{line}\n"
    with connect(told["url"]) as client:
        message = json.loads(client.recv(timeout=PATIENCE_SECONDS))
    [record] = make_source("users", {}, seed=7).records(message["offset"], 1)
    assert message["data"] == json.loads(record)
    # A server that is stopped while its clerk still starts waits `flush_seconds` for it, which a
    # busy machine may exceed: then it exits with 1. A verdict shows that the clerk has started.
    log = var / "logs" / "alice.log"
    until(
        lambda: log.exists() and b"=== verdict" in log.read_bytes(), lambda: str(running.children())
    )
    assert len(running.children()) == 3
    running.process.send_signal(signal.SIGINT)
    assert running.read_to_end() == 0
    assert running.said == f"{line}\n"
    assert not ready.exists()


def test_option_that_the_generator_refuses_ends_everything(start: Start) -> None:
    """
    A rate that is not allowed is reported by the generator, and nothing keeps running.

    Before that, a line names the port if it is not the first one.
    """
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        running = start(f"--port={port}", "--rate=fast")
        assert running.read_to_end() == 1
    assert re.search(rf"^port {port} is in use; using \d+$", running.said, re.MULTILINE)
    assert "'fast' is not allowed: 0.001 to 1000000 messages per second" in running.said


@contextmanager
def taking_over(admin: str, log: Path) -> Iterator[None]:
    """
    Make a client end with exit code 3, by connecting with the key of its session.

    The connection stays open: if it ended at once, it might not replace the client's.
    """
    asked = json.loads(log.read_text().splitlines()[0].split(" ", 2)[2].rsplit(" crc32 ", 1)[0])
    names = {"client": asked["client"], "session": asked["session"]}
    query = urlencode({**names, "feed": "users", "block_size": asked["block_size"]})
    with connect(f"{admin.replace('http', 'ws', 1).removesuffix('admin/')}?{query}") as socket:
        socket.recv(timeout=PATIENCE_SECONDS)
        yield


def test_output_fits_a_terminal(tmp_path: Path) -> None:
    """80 columns are enough, each program has a colour, and Enter shows the addresses again."""
    environment = {**os.environ, "BLOCKFEED_VAR": str(tmp_path), "PORT": str(stack.free_port())}
    environment.pop("NO_COLOR", None)
    window = TerminalWindow(
        [sys.executable, "-m", "tools.run"], CHECKOUT, environment, width=80, height=60
    )
    try:
        window.wait_for("Blockfeed is running. Enter shows this again, Ctrl-C stops it.")
        assert window.said.count("  page    http://") == 1
        window.press("\r")
        until(lambda: window.said.count("  page    http://") == 2, lambda: window.said)
        window.wait_for("Block 1 verified")
        window.press_ctrl_c()
        assert window.wait() == 0, window.said
    finally:
        window.close()
    colours = dict(re.findall(r"\x1b\[(\d+)m(\w+) +\| ", window.said))
    assert sorted(colours.values()) == ["alice", "bob", "carol", "generator", "server"]
    lines = re.sub(r"\x1b\[\d+m|\^C", "", window.said).splitlines()
    assert [line for line in lines if len(line) > 80] == []


def tools_with_help() -> list[str]:
    """Return the runnable programs in ``tools/``."""
    files = (CHECKOUT / "tools").rglob("*.py")
    runnable = [file for file in files if '__name__ == "__main__"' in file.read_text()]
    names = [file.relative_to(CHECKOUT).with_suffix("") for file in runnable]
    return sorted(".".join(name.parts).removesuffix(".__main__") for name in names)


@pytest.mark.parametrize("program", tools_with_help())
def test_help_starts_nothing(program: str, tmp_path: Path) -> None:
    """A program that is asked for its help prints it and starts nothing."""
    done = run(
        [sys.executable, "-m", program, "--help"],
        cwd=CHECKOUT,
        env={**os.environ, "BLOCKFEED_VAR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []
