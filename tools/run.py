"""
Run all of Blockfeed at once: server, generator and three clients.

``make run`` runs it. PORT is the first port to try (default 8000), and
BLOCKFEED_VAR the folder for data (default var). A program that ends by itself
is reported, and the others keep running. Ctrl-C stops all of them, the clients
first, so that they can say goodbye to the server. Exits with 1 if the server,
the generator or a client failed; a client that an operator disconnected has not
failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.children import Children

CHECKOUT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("BLOCKFEED_VAR") or CHECKOUT / "var").resolve()
PASSWORD = VAR / "admin_password"
OTHER_PASSWORD = 3
"""The exit code of `tools.account` if the account has another password."""
HOST = "127.0.0.1"
FIRST_PORT = 8000
LAST_PORT = 65_535
PORTS_TRIED = 100
UP_SECONDS = 10.0
"""Time for a program to come up, before the next one is started anyway."""
DISCONNECTED = 3
"""The exit code of a client that the server or an operator told not to reconnect."""
PANEL_INDENT = 10
"""The column at which the texts of the panel begin."""
CLIENTS = {
    "alice": ("--feed", "users", "--block-size", "3"),
    "bob": ("--feed", "arrays", "--block-size", "5"),
    "carol": ("--feed", "users", "--feed", "arrays", "--block-size", "10"),
}


class CannotStart(Exception):
    """A failed preparation; the sentence says which."""


async def run(port: int, password: str | None) -> int:
    """Run everything until a request to stop; return the exit code."""
    children = Children(CHECKOUT)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, children.interrupt)
    try:
        if await start_all(children, port):
            shown = children.screen.indented(panel(port, password), PANEL_INDENT)
            children.say(shown)
            repeat_on_enter(lambda: children.say(shown))
            await children.over.wait()
    finally:
        children.over.set()
        children.say("stopping")
        await children.stop()
    for failure in children.failures:
        children.say(failure)
    return 1 if children.failures else 0


async def start_all(children: Children, port: int) -> bool:
    """
    Start each program once the previous one is up; return False to stop at once.

    The generator comes first, so that no feed is reported as not running.
    """
    generate = ("manage.py", "generate")
    generator = await children.start(
        "generator", *generate, ready="running at offset", again=command(*generate)
    )
    await children.up(generator, UP_SECONDS)
    serve = ("manage.py", "serve", "--bind", f"{HOST}:{port}")
    server = await children.start(
        "server", *serve, ready="serving at", must_start=True, again=command(*serve)
    )
    await children.up(server, UP_SECONDS)
    if children.over.is_set():
        return False
    clients = []
    for name, choice in CLIENTS.items():
        url = f"ws://{HOST}:{port}/"
        names = ("--name", name, "--log", shown(log_path(name)))
        client = ("clientapp/client.py", "--url", url, *names, *choice)
        clients.append(
            await children.start(
                name,
                *client,
                ready="Connected to",
                good_codes=(0, DISCONNECTED),
                again=command(*client),
            )
        )
    for one in clients:
        await children.up(one, UP_SECONDS)
    return not children.over.is_set()


def repeat_on_enter(say: Callable[[], None]) -> None:
    """Call *say* for each press of Enter; do nothing without a terminal."""
    if not has_keys():
        return
    loop = asyncio.get_running_loop()
    # Reading in the background must fail; by default it would suspend this program.
    signal.signal(signal.SIGTTIN, signal.SIG_IGN)

    def read() -> None:
        try:
            is_there = bool(os.read(sys.stdin.fileno(), 4096))
        except OSError:
            is_there = False
        if is_there:
            say()
        else:
            loop.remove_reader(sys.stdin)

    loop.add_reader(sys.stdin, read)


def has_keys() -> bool:
    """Tell whether standard input is a terminal; it may be closed."""
    return bool(sys.stdin) and sys.stdin.isatty()


def command(*arguments: str) -> str:
    """Return the shell command that runs a Python program like this program does."""
    var = os.environ.get("BLOCKFEED_VAR")
    place = [f"BLOCKFEED_VAR={shlex.quote(var)}"] if var else []
    return " ".join([*place, shlex.join([shown(Path(sys.executable)), *arguments])])


def panel(port: int, password: str | None) -> str:
    """Return the addresses, the account and the logs, for a person."""
    account = f"user admin, password {password}  (kept in {shown(PASSWORD)})"
    if password is None:
        account = "user admin, with the password you gave it"
        if PASSWORD.exists():
            account += f"; the one in {shown(PASSWORD)} is no longer valid"
    rows = [
        ("page", f"http://{HOST}:{port}/"),
        ("admin", f"http://{HOST}:{port}/admin/"),
        ("", account),
        *((name, f"block log {shown(log_path(name))}") for name in CLIENTS),
    ]
    lines = [f"  {name:7} {text}" for name, text in rows]
    keys = "Enter shows this again, Ctrl-C stops it." if has_keys() else "Ctrl-C stops it."
    return "\n".join(["", f"Blockfeed is running. {keys}", "", *lines, ""])


def log_path(client: str) -> Path:
    """Return the path of the block log of *client*."""
    return VAR / "logs" / f"{client}.log"


def shown(path: Path) -> str:
    """Return *path*, relative to the checkout if it is inside."""
    return str(path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path)


def first_port() -> int:
    """Return PORT, or `FIRST_PORT` if it is not set; raises CannotStart."""
    said = os.environ.get("PORT") or str(FIRST_PORT)
    port = int(said) if re.fullmatch("[0-9]{1,5}", said) else 0
    if not 1 <= port <= LAST_PORT:
        raise CannotStart(f"PORT is {said!a}; it must be a number from 1 to {LAST_PORT}")
    return port


def free_port(first: int) -> int:
    """Return the first free port from *first* on; raises CannotStart."""
    ports = range(first, min(first + PORTS_TRIED, LAST_PORT + 1))
    for port in ports:
        if not is_taken(port):
            return port
    raise CannotStart(f"all ports from {ports[0]} to {ports[-1]} are in use")


def is_taken(port: int) -> bool:
    """Tell whether a program listens on *port*."""
    with socket.socket() as probe:
        # If the probe's own port were *port*, it would connect to itself.
        probe.bind((HOST, 0))
        if probe.getsockname()[1] == port:
            return is_taken(port)
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of the checkout to its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        process_group=0,
    )


def migrate() -> None:
    """Bring the database up to date; raises CannotStart."""
    result = run_python("manage.py", "migrate", "--verbosity", "0")
    if result.returncode != 0:
        raise CannotStart(f"manage.py migrate failed:\n{result.stderr.strip()}")


def make_admin() -> str | None:
    """
    Return the password of the account ``admin``, which is created on first use.

    None if the account has a different password from the stored one, for instance
    because it was changed. Raises CannotStart.
    """
    if not PASSWORD.exists():
        PASSWORD.touch(mode=0o600)
    password = PASSWORD.read_text(encoding="ascii").strip()
    is_new = not password
    if is_new:
        password = secrets.token_urlsafe(12)
        PASSWORD.write_text(f"{password}\n", encoding="ascii")
    result = run_python("-m", "tools.account", DJANGO_SUPERUSER_PASSWORD=password)
    if result.returncode == 0:
        return password
    if result.returncode != OTHER_PASSWORD:
        raise CannotStart(f"the account admin could not be created:\n{result.stderr.strip()}")
    if is_new:
        PASSWORD.unlink()
    return None


def main() -> int:
    """Prepare and run everything; return the exit code."""
    argparse.ArgumentParser(
        prog="python -m tools.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    try:
        first = first_port()
        print("preparing the database", flush=True)
        migrate()
        password = make_admin()
        return asyncio.run(run(free_port(first), password))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
