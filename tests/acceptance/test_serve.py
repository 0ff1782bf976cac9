"""``manage.py serve``: the server as it runs in production."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from clientapp.wire.closing import Close
from feeds.fanout.passes import library
from tests.support.crowd import Crowd, until
from tests.support.judge import judge
from tests.support.stack import Program, Stack, free_port
from tools.waiting import PATIENCE_SECONDS

DEBUG = "DEBUG is on"


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """Give a test an installation as in production."""
    stack.environment["DEBUG"] = "false"
    return stack


def serve(stack: Stack, *options: str) -> Program:
    """Start ``serve`` at the port of *stack*, and wait until it listens."""
    program = stack.start("serve", f"--bind=127.0.0.1:{stack.port}", *options)
    program.wait_for(f"serving at http://127.0.0.1:{stack.port}/")
    return program


@pytest.mark.parametrize("is_compiled", [True, False])
def test_either_pass_serves_clients(stack: Stack, is_compiled: bool) -> None:  # noqa: FBT001  parametrized
    """Blocks arrive with the compiled pass and with Python's; `serve` says if it uses Python's."""
    if is_compiled and not library().exists():
        pytest.skip("the pass was not compiled: python -m tools.compile")
    stack.environment["COMPILED_PASS"] = str(is_compiled)
    server = serve(stack)
    stack.generator("--feed=users", "--rate=200")
    clients = [stack.client(name, "--block-size=50", "--blocks=4") for name in ("alice", "bob")]
    assert [client.process.wait(PATIENCE_SECONDS) for client in clients] == [0, 0]
    assert ("Python writes to the sockets" in server.said) is not is_compiled
    assert stack.rows("SELECT verdict, count(*) FROM feeds_blockreport GROUP BY 1") == [
        ("verified", 8)
    ]
    for name in ("alice", "bob"):
        judge(stack.log(name))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serves_and_drains(stack: Stack, number: signal.Signals) -> None:
    """With DEBUG off, `serve` serves pages, files and feeds; it ends with a drain and code 0."""
    server = serve(stack)
    assert 'src="/static/feeds/page.js"' in stack.get("")
    assert "import" in stack.get("static/feeds/page.js")
    assert "tailwind" in stack.get("static/unfold/css/styles.css")
    with pytest.raises(HTTPError, match="404"):
        stack.get("static/feeds/nothing.js")
    stack.generator("--feed=users", "--rate=50")
    client = stack.client("alice", "--block-size=10", "--json")
    server.wait_for("alice: Client alice received 1 block in ")
    assert server.stop(number) == 0
    client.wait_for('"reason":"the server stops"')
    assert client.stop() == 0
    for words in ("HTTP GET / 200", "HTTP GET /static/feeds/nothing.js 404", "alice disconnected"):
        assert words in server.said
    assert "Traceback" not in server.said
    assert "Warning" not in server.said
    assert DEBUG not in server.said
    assert stack.rows("SELECT close_code FROM feeds_connection") == [(Close.DRAIN,)]
    judge(stack.log("alice"))


def test_one_process_serves_several_addresses(stack: Stack) -> None:
    """One process listens at all given addresses, and prints them."""
    ports = [stack.port, free_port()]
    server = stack.start("serve", *(f"--bind=127.0.0.1:{port}" for port in ports))
    for port in ports:
        server.wait_for(f"serving at http://127.0.0.1:{port}/")
        with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_SECONDS) as page:
            assert page.status == 200
    assert server.stop() == 0


def test_two_processes_share_a_port(stack: Stack) -> None:
    """Each process serves a part of the clients; when one drains, the other takes over its part."""
    servers = [serve(stack, "--reuse-port") for _ in range(2)]
    stack.generator("--feed=arrays", "--rate=50")

    async def run() -> Crowd:
        crowd = Crowd(stack.port, 64)
        await crowd.start()
        servers[0].process.send_signal(signal.SIGTERM)
        await until(lambda: servers[0].process.poll() is not None)
        moved = [one for one in crowd.followers if one.byes]
        await until(lambda: all(one.welcomes > 1 for one in moved))
        heads = [one.offset for one in crowd.followers]
        await until(lambda: all(one.offset > max(heads) for one in crowd.followers))
        await crowd.stop()
        assert 0 < len(moved) < len(crowd.followers)
        return crowd

    crowd = asyncio.run(run())
    assert sum(one.missed for one in crowd.followers) == 0
    assert [server.stop(signal.SIGTERM) for server in servers[1:]] == [0]
    assert servers[0].process.returncode == 0
    assert "Traceback" not in servers[0].said + servers[1].said
    assert stack.rows("SELECT count(DISTINCT server) FROM feeds_connection") == [(2,)]


def test_taken_address_is_one_sentence(stack: Stack) -> None:
    """A taken address is one sentence and exit code 1, with and without --reuse-port."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.port))
        holder.listen()
        for options in ((), ("--reuse-port",)):
            server = stack.start("serve", f"--bind=127.0.0.1:{stack.port}", *options)
            assert server.process.wait(PATIENCE_SECONDS) == 1
            assert server.said.strip() == (
                f"CommandError: cannot listen at 127.0.0.1:{stack.port}: Address already in use. "
                "Name another address: python manage.py serve --bind 127.0.0.1:8001"
            )


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--bind=8000", "argument --bind: '8000' is not allowed: HOST:PORT, such as 127.0.0.1"),
        ("--backlog=0", "argument --backlog: '0' is not allowed: a whole number from 1 to 65535"),
        ("--backlog=many", "argument --backlog: 'many' is not allowed: a whole number from 1"),
    ],
)
def test_wrong_option_is_one_sentence(tmp_path: Path, option: str, sentence: str) -> None:
    """A wrong value is one sentence after the usage, and exit code 2."""
    stack = Stack(tmp_path, migrated=False)
    server = stack.start("serve", option)
    try:
        assert server.process.wait(PATIENCE_SECONDS) == 2
    finally:
        stack.close()
    assert sentence in server.said.splitlines()[-1]


def test_debug_is_reported(stack: Stack) -> None:
    """With DEBUG on, `serve` still serves, and prints a warning."""
    stack.environment["DEBUG"] = "true"
    server = serve(stack)
    assert server.said.count(DEBUG) == 1
    assert server.stop() == 0


@pytest.mark.parametrize("command", ["serve", "runserver"])
def test_connections_wait_while_the_server_is_busy(stack: Stack, command: str) -> None:
    """Hundreds of connections fit the backlog of a server that accepts none."""
    server = serve(stack) if command == "serve" else stack.server()
    server.process.send_signal(signal.SIGSTOP)
    with ExitStack() as comers:
        for _ in range(300):
            address = ("127.0.0.1", stack.port)
            comers.enter_context(socket.create_connection(address, PATIENCE_SECONDS))
    server.process.send_signal(signal.SIGCONT)
    assert server.stop(signal.SIGTERM) == 0
