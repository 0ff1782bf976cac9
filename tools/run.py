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
import signal
import sys
import webbrowser
from collections.abc import Callable
from typing import TextIO

from tools.children import Child, Children
from tools.installation import (
    CHECKOUT,
    COMMANDS,
    PROGRAM,
    CannotStart,
    Installation,
    installation,
    shown,
)
from tools.ports import HOST, LAST_PORT, first_port, free_port, home
from tools.ready import Ready

DISCONNECTED = 3
"""The exit code of a client that the server or an operator told not to reconnect."""
PANEL_INDENT = 10
"""The column at which the texts of the panel begin."""
CLIENTS = {
    "alice": (("users",), "3"),
    "bob": (("arrays",), "5"),
    "carol": (("users", "arrays"), "10"),
}
"""The feeds and the block size of each client."""


class Everything:
    """The programs of one installation, as the options of the command ask for them."""

    def __init__(
        self, place: Installation, options: argparse.Namespace, port: int, output: TextIO
    ) -> None:
        self._place = place
        self._options = options
        self._port = port
        self._home = home(port)
        self._ready = Ready(port, place.var, as_json=options.json, file=options.ready_file)
        self._children = Children(CHECKOUT, output)

    async def run(self, password: str | None) -> int:
        """Run everything until a request to stop; return the exit code."""
        children = self._children
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, children.interrupt)
        try:
            if await self._start_all():
                panel = children.screen.indented(self._panel(password), PANEL_INDENT)
                children.say(panel)
                repeat_on_enter(lambda: children.say(panel))
                await children.over.wait()
        finally:
            children.over.set()
            children.say("stopping")
            await children.stop()
            self._ready.withdraw()
        for failure in children.failures:
            children.say(failure)
        return 1 if children.failures else 0

    async def _start_all(self) -> bool:
        """
        Start the generator and the server, then the clients; return False to stop at once.

        No client connects before the generator runs, so no feed is reported as not running.
        """
        generator = await self._start("generator", "generate", *self._generating())
        bind = ("--bind", f"{HOST}:{self._port}")
        server = await self._start("server", "serve", *bind)
        for one in (generator, server):
            await self._children.up(one)
        if self._children.over.is_set():
            return False
        self._ready.announce()
        if self._options.open:
            webbrowser.open(f"http://{self._home}")
        clients = [await self._start_client(*client) for client in self._clients()]
        for one in clients:
            await self._children.up(one)
        return not self._children.over.is_set()

    async def _start(self, name: str, command: str, *options: str) -> Child:
        return await self._children.start(
            name,
            *COMMANDS[command],
            *options,
            ready={"generate": "running at offset", "serve": "serving at"}[command],
            must_start=command == "serve" or bool(options),
            again=self._place.again(command, *options),
        )

    def _generating(self) -> list[str]:
        """Return the options of the generator."""
        options = [f"--feed={feed}" for feed in self._options.feed]
        given = ((name, getattr(self._options, name)) for name in ("rate", "seed"))
        return options + [f"--{name}={value}" for name, value in given if value is not None]

    def _clients(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Return the name, the feeds and the block size of each client."""
        wanted = self._options.feed
        if not wanted:
            return [(name, *choice) for name, choice in CLIENTS.items()]
        chosen = [
            (name, feeds, size)
            for name, (feeds, size) in CLIENTS.items()
            if set(feeds) <= set(wanted)
        ]
        return chosen or [("alice", tuple(wanted), "3")]

    async def _start_client(self, name: str, feeds: tuple[str, ...], size: str) -> Child:
        log = shown(self._place.log_path(name))
        options = ["--url", f"ws://{self._home}", "--name", name, "--log", log]
        options += [word for feed in feeds for word in ("--feed", feed)]
        options += ["--block-size", size]
        return await self._children.start(
            name,
            *COMMANDS["client"],
            *options,
            ready="Connected to",
            good_codes=(0, DISCONNECTED),
            again=self._place.again("client", *options),
        )

    def _panel(self, password: str | None) -> str:
        """Return the addresses, the account and the logs, for a person."""
        kept = shown(self._place.password)
        account = [f"user admin, password {password}", f"kept in {kept}"]
        if password is None:
            account = ["user admin, with the password you gave it"]
            if self._place.password.exists():
                account.append(f"the one in {kept} is no longer valid")
        page = f"http://{self._home}"
        rows = [("page", page), ("admin", f"{page}admin/"), *(("", line) for line in account)]
        for name, *_ in self._clients():
            rows.append((name, f"block log {shown(self._place.log_path(name))}"))
        lines = [f"  {name:7} {text}" for name, text in rows]
        keys = "Enter shows this again, Ctrl-C stops it." if has_keys() else "Ctrl-C stops it."
        return "\n".join(["", f"Blockfeed is running. {keys}", "", *lines, ""])


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


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    one = argparse.ArgumentParser(
        prog=PROGRAM or "python -m tools.run",
        description=INSTALLED if PROGRAM else __doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    one.add_argument(
        "--port",
        type=port,
        metavar="N",
        help=f"first port to try; 0: any free port (default: {'' if PROGRAM else 'PORT, or '}8000)",
    )
    one.add_argument(
        "--rate",
        metavar="N",
        help="messages per second of each feed (default: as stored; 1 in a new database)",
    )
    one.add_argument(
        "--feed",
        action="append",
        default=[],
        metavar="NAME",
        help="a feed to generate; repeat it for more (default: all enabled feeds)",
    )
    one.add_argument(
        "--seed",
        metavar="N",
        help="seed of the feeds, a whole number (default: as stored; 1 in a new database)",
    )
    one.add_argument("--open", action="store_true", help="open the page in a browser")
    one.add_argument("--var", metavar="DIR", help=VAR_HELP)
    one.add_argument(
        "--json",
        action="store_true",
        help="print one JSON line when connections are accepted, and everything else to stderr",
    )
    one.add_argument(
        "--ready-file",
        metavar="PATH",
        help="write that line to a file, which is removed at the end",
    )
    return one


INSTALLED = """\
Run all of Blockfeed at once: server, generator and three clients. Ctrl-C stops
all of them. To run one program only, begin with one of these commands; each has
its own --help:

  serve      the server            client     collect a feed in blocks
  generate   the generator         verify     check block logs
  manage     any command of        swarm      run many clients at once
             Django's manage.py    analyse    report on block logs

serve, generate and manage share their data in a folder: --var DIR.
"""
VAR_HELP = (
    "folder for data (default: BLOCKFEED_VAR, or a temporary folder that is removed at the end)"
    if PROGRAM
    else "folder for data (default: BLOCKFEED_VAR, or var)"
)


def port(text: str) -> int:
    """Return a port, or 0; raises ArgumentTypeError."""
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text[:40]!r} is not allowed: a number from 0 to {LAST_PORT}"
    )


def main() -> int:
    """Prepare and run everything; return the exit code."""
    options = parser().parse_args()
    # Like Ctrl-C, these remove temporary files.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    output = sys.stderr if options.json else sys.stdout
    try:
        first = first_port() if options.port is None else options.port
        with installation(options.var) as place:
            print("preparing the database", file=output, flush=True)
            os.environ["BLOCKFEED_VAR"] = str(place.var)
            password = place.prepare_with_admin()
            found = free_port(first)
            if first not in (0, found):
                print(f"port {first} is in use; using {found}", file=output, flush=True)
            everything = Everything(place, options, found, output)
            return asyncio.run(everything.run(password))
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
