"""`blockfeed.testing` from the checkout: a server that a test controls, and its checks."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from blockfeed import testing
from blockfeed.client import Message
from blockfeed.client import connect as subscribe
from blockfeed.testing import Blockfeed, BlockfeedError, running
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.stack import CHECKOUT
from tools.waiting import PATIENCE_SECONDS, until


@pytest.fixture(scope="module")
def server() -> Iterator[Blockfeed]:
    """Run one server for all tests."""
    with running() as one:
        yield one


@pytest.fixture
def blockfeed(server: Blockfeed) -> Iterator[Blockfeed]:
    """Give a test the server as the plugin does."""
    yield server
    server.restore()


def receive(client: ClientConnection, count: int) -> list[str | bytes]:
    """Receive *count* messages."""
    return [client.recv(timeout=PATIENCE_SECONDS) for _ in range(count)]


@pytest.fixture(scope="module")
def lines(server: Blockfeed) -> list[str | bytes]:
    """Receive some messages."""
    with connect(server.url("users", rate=200)) as client:
        return receive(client, 100)


def offset(line: str | bytes) -> int:
    """Return the offset of a message."""
    return int(json.loads(line)["offset"])


@pytest.mark.parametrize("form", [str, json.loads, offset], ids=["text", "parsed", "offsets"])
def test_what_was_sent_is_accepted(
    form: Callable[[Any], Any], server: Blockfeed, lines: list[str | bytes]
) -> None:
    """Messages as text, parsed or as offsets equal those that were sent."""
    server.check("users", map(form, lines))


def test_each_difference_is_named(server: Blockfeed, lines: list[str | bytes]) -> None:
    """Missing, duplicated, unordered, altered and invented messages are distinguished."""
    first = offset(lines[0])
    bad = {
        f"2 missing: {first + 3}, {first + 5}": [*lines[:3], lines[4], *lines[6:]],
        f"1 duplicated: {first + 1}": [*lines[:2], *lines[1:]],
        f"1 out of order: {first}": [lines[1], lines[0], *lines[2:]],
        f"1 altered: {first}": [str(lines[0]).replace("@", "@@"), *lines[1:]],
    }
    for words, got in bad.items():
        with pytest.raises(AssertionError) as failed:
            server.check("users", got)
        assert str(failed.value) == f"users: {words}"
    with pytest.raises(AssertionError, match=r"; 1 never sent: 9000000000$"):
        server.check("users", [first, 9_000_000_000])
    with pytest.raises(AssertionError, match=r"^users: no message was received$"):
        server.check("users", [])


def test_ends_can_be_required(server: Blockfeed, lines: list[str | bytes]) -> None:
    """Messages before the first or after the last one are missing only if they are required."""
    first, last = offset(lines[0]), offset(lines[-1])
    server.check("users", lines[1:-1])
    with pytest.raises(AssertionError) as failed:
        server.check("users", lines[1:-1], first=first, last=last)
    assert str(failed.value) == f"users: 2 missing: {first}, {last}"
    with pytest.raises(AssertionError, match=r"^users: message 9000000000 was not sent: the feed "):
        server.check("users", lines, last=9_000_000_000)


def test_long_list_is_cut(server: Blockfeed, lines: list[str | bytes]) -> None:
    """If there are very many offsets, the first fifty and the total number are shown."""
    with pytest.raises(AssertionError, match=r"^users: 98 missing: .+ and 48 more$"):
        server.check("users", [lines[0], lines[-1]])


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda one: one.url("none", rate=1), "^there is no feed 'none'; there are: "),
        (lambda one: one.pause("typo"), "^there is no feed 'typo'; there are: "),
        (lambda one: one.url("users", rate=0), "greater than or equal to 0.001"),
        (lambda one: one.url("users", rate="fast"), "^“fast” value must be a decimal number"),
        (lambda one: one.check("users", [{"a": 1}]), "is not a message of a feed"),
        (lambda one: one.check("users", ["hello"]), "^'hello' is not a message of a feed"),
        (lambda one: one.check("arrays", ['{"feed":"users","offset":1}']), "of another feed"),
        (lambda one: one.create("a b"), "lower-case letters"),
        (lambda one: one.create("c", spec={"unknown": 1}), "unknown"),
    ],
)
def test_wrong_request_is_an_error(
    ask: Callable[[Blockfeed], object], words: str, server: Blockfeed
) -> None:
    """A request that is not possible raises an error that says why, and the next one works."""
    with pytest.raises(BlockfeedError, match=words):
        ask(server)
    server.restore()
    server.url("users", rate=200)


@pytest.mark.parametrize("rate", [32.3, 0.001, 1_000_000])
def test_any_rate_can_be_set(rate: float, server: Blockfeed) -> None:
    """A rate without an exact binary fraction can be set like any other."""
    server.url(server.create(f"at-{str(rate).replace('.', '-')}"), rate=rate)


class Interrupted(Exception):
    """An exception in the middle of a wait, as Ctrl-C or a time limit raises it."""


@contextmanager
def interrupting() -> Iterator[None]:
    """Interrupt the main thread soon, by a signal."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(
        0.2, signal.pthread_kill, (threading.main_thread().ident, signal.SIGUSR1)
    )
    timer.start()
    try:
        yield
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("count", [1, 1_000_000], ids=["reading", "writing"])
def test_interrupted_request_leaves_the_next_one_alone(count: int) -> None:
    """After a wait that was interrupted, each request gets its own answer."""
    with running() as one:
        one._process.send_signal(signal.SIGSTOP)
        with interrupting(), pytest.raises(Interrupted):
            one.check("users", [1] * count)
        one._process.send_signal(signal.SIGCONT)
        with pytest.raises(AssertionError, match="no message was received"):
            one.check("users", [])
        with pytest.raises(BlockfeedError, match=r"^there is no feed 'none'"):
            one.check("none", [])


def test_feed_of_a_test(blockfeed: Blockfeed) -> None:
    """A feed that a test creates has its own kind, rate, seed and spec."""
    name = blockfeed.create("own", "arrays", rate=100, seed=5, spec={"shape": [3]})
    with connect(blockfeed.url(name)) as client:
        got = receive(client, 20)
    assert len(json.loads(got[0])["data"]) == 3
    blockfeed.check(name, got)


def test_killed_server_starts_again(blockfeed: Blockfeed) -> None:
    """A killed server closes its connections, and starts again at the same address."""
    with connect(blockfeed.url("users")) as client:
        receive(client, 1)
        blockfeed.kill()
        with pytest.raises(ConnectionClosed):
            receive(client, 100_000)
    address = urlsplit(blockfeed.address)
    with socket.socket() as probe:
        assert probe.connect_ex((address.hostname, address.port)) != 0
    blockfeed.start()
    with connect(blockfeed.url("users")) as client:
        receive(client, 1)


def test_restart_says_goodbye(blockfeed: Blockfeed) -> None:
    """A restarted server closes its connections with a code that asks for a reconnect."""
    with connect(blockfeed.url("users")) as client:
        receive(client, 1)
        blockfeed.restart()
        with pytest.raises(ConnectionClosed) as closed:
            receive(client, 100_000)
    assert closed.value.rcvd is not None
    with connect(blockfeed.url("users")) as client:
        receive(client, 1)


def test_restore_undoes_everything(blockfeed: Blockfeed) -> None:
    """After `restore`, a frozen server and a paused feed run again."""
    blockfeed.pause("users")
    blockfeed.freeze()
    blockfeed.restore()
    with connect(blockfeed.url("users", rate=200)) as client:
        receive(client, 10)


def test_reports_of_a_client(blockfeed: Blockfeed, tmp_path: Path) -> None:
    """`verified` is true for a client whose blocks were verified, and false for a plain one."""
    command = [sys.executable, "-m", "clientapp", "collect", f"--url={blockfeed.url()}"]
    options = ["--name=mine", "--feed=users", "--block-size=5", "--blocks=3", "--quiet"]
    words = [*command, *options, f"--log={tmp_path}/mine.log"]

    def is_acknowledged() -> bool:
        """Tell whether a client ended well: it does not wait long for its last answers."""
        return subprocess.run(words, cwd=CHECKOUT, check=False).returncode == 0

    until(is_acknowledged, lambda: "no report was acknowledged")
    mine = blockfeed.session("mine", blocks=3)
    assert mine.verified
    assert mine.messages == 5 * mine.blocks
    with connect(blockfeed.url("users", client="plain")) as client:
        receive(client, 2)
        client.send("Client plain received 1 block in 0.1 time")
        plain = blockfeed.session("plain")
        assert (plain.blocks, plain.verified) == (1, False)


def test_client_without_reports(server: Blockfeed, monkeypatch: pytest.MonkeyPatch) -> None:
    """If reports are missing, the error says how many there are."""
    monkeypatch.setattr(testing, "WAIT_SECONDS", 0.0)
    with pytest.raises(BlockfeedError) as refused:
        server.session("nobody")
    assert str(refused.value) == (
        "reports of client 'nobody': expected 1, stored 0 (it has no session)"
    )


@pytest.mark.parametrize("written", ["", '{"number": 2, "do": "thaw'], ids=["whole", "torn"])
def test_nothing_remains_after_kill_9(written: str, tmp_path: Path) -> None:
    """
    If the process that runs a server is killed, its programs and data are gone, frozen or not.

    It may be killed while it writes a request.
    """
    program = (
        "from blockfeed.testing import running\n"
        "with running() as one:\n"
        "    one.freeze()\n"
        f"    print({written!r}, end='', file=one._process.stdin, flush=True)\n"
        "    print(one.address, flush=True)\n"
        "    input()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "packaging"), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        assert len(users_of(tmp_path)) >= 3
        process.send_signal(signal.SIGKILL)
    until(lambda: not users_of(tmp_path), lambda: str(users_of(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def users_of(folder: Path) -> list[str]:
    """Return the commands of processes whose environment names *folder*."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


async def test_python_api_loses_nothing(blockfeed: Blockfeed) -> None:
    """A subscription gets each offset once and in order, from the first one, across a restart."""
    name = blockfeed.create("api", "arrays", rate=100, seed=7, spec={"shape": [3]})
    got: list[Message] = []
    async with subscribe(blockfeed.address, feeds=name, name="api", first=1, block_size=20) as feed:
        async for message in feed:
            assert isinstance(message, Message)
            got.append(message)
            if len(got) == 50:
                await asyncio.to_thread(blockfeed.restart)
            if len(got) == 100:
                break
    assert [message.offset for message in got] == [*range(1, 101)]
    lines = [
        {"type": "message", "feed": name, "offset": one.offset, "at": one.at, "data": one.data}
        for one in got
    ]
    blockfeed.check(name, lines, first=1, last=100)
    assert blockfeed.session("api").verified
