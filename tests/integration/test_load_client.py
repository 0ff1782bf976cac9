"""The load client of the comparison, which must find every fault of a server."""

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import building
from clientapp.wire import digest
from clientapp.wire.report import Report
from feeds.core.frames import frame
from tests.support.stack import free_port
from tools.waiting import PATIENCE_SECONDS

ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not (shutil.which("cc") or shutil.which("gcc")),
    reason="the comparison needs Linux and a C compiler",
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile both programs into a folder of this test."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("load", "limit"):
        building.compiled(name, folder)
    return folder


def message(offset: int, at: int = 1) -> bytes:
    """Return a message, framed."""
    return frame(b'{"type":"message","feed":"bench","offset":%d,"at":%d,"data":[]}' % (offset, at))


@contextmanager
def serving(sent: bytes, *, hangs_up: bool = False) -> Iterator[int]:
    """Serve one client the answer to its upgrade and then *sent*, in one write."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(sent)
                with suppress(ConnectionResetError):  # the client leaves without reading the rest
                    while not hangs_up and client.recv(4096):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(PATIENCE_SECONDS)


def run(
    programs: Path, port: int, clients: int = 1, *dialect: str
) -> subprocess.CompletedProcess[str]:
    """Run the load client for a tenth of a second."""
    command = [str(programs / "load"), str(port), "/", str(clients), "0.1", *dialect]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def result(programs: Path, sent: bytes, *dialect: str) -> dict[str, Any]:
    """Return the result of the load client for *sent*."""
    with serving(ANSWER + sent) as port:
        done = run(programs, port, 1, *dialect)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("offsets", "lost", "doubled"),
    [
        pytest.param([7, 8, 9, 10], 0, 0, id="complete"),
        pytest.param([7, 9, 10], 1, 0, id="one lost"),
        pytest.param([7, 11], 3, 0, id="three lost"),
        pytest.param([7, 8, 8, 9], 0, 1, id="one doubled"),
        pytest.param([7, 8, 7, 8, 9], 0, 2, id="two doubled"),
        pytest.param([7, 8, 19, 10], 10, 1, id="one altered"),
        pytest.param([7, 9, 8], 1, 1, id="two swapped"),
    ],
)
def test_offsets_are_checked(programs: Path, offsets: list[int], lost: int, doubled: int) -> None:
    """Missing, duplicated and altered messages are counted."""
    found = result(programs, b"".join(map(message, offsets)))
    assert (found["lost"], found["doubled"], found["unreadable"]) == (lost, doubled, 0)


def test_frames_may_come_in_parts(programs: Path) -> None:
    """A message that spans two reads is neither lost nor counted twice."""
    frames = b"".join(map(message, range(1, 30_000)))
    found = result(programs, frames)
    assert (found["lost"], found["doubled"], found["unreadable"]) == (0, 0, 0)


def test_other_frames_are_not_messages(programs: Path) -> None:
    """A welcome counts as another frame; a message without an offset is unreadable."""
    welcome = frame(b'{"type":"welcome","feeds":{"bench":{"offset":3}}}')
    found = result(programs, welcome + message(4) + frame(b'{"type":"message","data":[]}'))
    assert (found["others"], found["unreadable"], found["lost"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "no WebSocket"),
        (ANSWER.replace(b"s3p", b"xxx"), "no WebSocket"),
        (ANSWER + b"\x88\x02\x03\xe8", "frame 0x88"),
        (ANSWER + message(1), "the server broke off"),
    ],
)
def test_failing_server_gives_no_result(programs: Path, sent: bytes, words: str) -> None:
    """A failure is a sentence and exit code 1, never a low figure."""
    with serving(sent, hangs_up=True) as port:
        done = run(programs, port)
    assert done.returncode == 1
    assert words in done.stderr
    assert "result" not in done.stdout


def nats(*offsets: int) -> bytes:
    """Return the unframed bytes of nats-server: its greeting, its answer and messages."""
    lines = [b'{"type":"message","feed":"bench","offset":%d,"at":1,"data":[]}' % n for n in offsets]
    messages = b"".join(b"MSG bench 1 %d\r\n%b\r\n" % (len(line), line) for line in lines)
    return b'INFO {"server_id":"x"}\r\nPONG\r\n' + messages


def binary(payload: bytes) -> bytes:
    """Return *payload* in one frame, as nats-server frames it."""
    return b"\x82\x7f" + len(payload).to_bytes(8, "big") + payload


@pytest.mark.parametrize("size", [1, 7, 250, 70_000])
def test_nats_comes_in_frames_of_any_size(programs: Path, size: int) -> None:
    """Frames may start and end within messages; each message is still found."""
    said = nats(*range(1, 2000))
    frames = b"".join(binary(said[at : at + size]) for at in range(0, len(said), size))
    found = result(programs, frames, "nats")
    assert (found["lost"], found["doubled"], found["unreadable"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("offsets", "lost", "doubled"), [([1, 2, 4], 1, 0), ([1, 2, 2], 0, 1), ([1, 3, 2], 1, 1)]
)
def test_offsets_in_nats_are_checked(
    programs: Path, offsets: list[int], lost: int, doubled: int
) -> None:
    """Missing and duplicated messages are counted in NATS as well."""
    found = result(programs, binary(nats(*offsets)), "nats")
    assert (found["lost"], found["doubled"], found["unreadable"]) == (lost, doubled, 0)


def test_error_of_nats_gives_no_result(programs: Path) -> None:
    """The error is printed, with exit code 1."""
    with serving(ANSWER + binary(nats() + b"-ERR 'Slow Consumer'\r\n")) as port:
        done = run(programs, port, 1, "nats")
    assert (done.returncode, done.stderr) == (1, "nats: -ERR 'Slow Consumer'\n")


WELCOME = frame(b'{"type":"welcome","feeds":{"bench":{"epoch":"e1","offset":3}}}')


def ack(block: int, verdict: str = "verified") -> bytes:
    """Return an acknowledgement, framed."""
    return frame(b'{"type":"ack","block":%d,"verdict":"%b"}' % (block, verdict.encode()))


def reported(
    programs: Path, messages: bytes, reports: int, answer: bytes
) -> tuple[list[Report], subprocess.CompletedProcess[str]]:
    """Send *messages* to a client with blocks of 5, and *answer* after *reports* reports."""
    taken = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, client.makefile("rb") as said:
            while said.readline() != b"\r\n":
                pass
            client.sendall(ANSWER + WELCOME + messages)
            for _ in range(reports):
                head = said.read(8)  # the header of a frame masked with zeros
                assert (head[:2], head[4:]) == (b"\x81\xfe", bytes(4))
                taken.append(Report.read(json.loads(said.read(int.from_bytes(head[2:4], "big")))))
            client.sendall(answer)
            said.read()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        done = run(programs, listener.getsockname()[1], 1, "report", "5")
        thread.join(PATIENCE_SECONDS)
    return taken, done


def test_blocks_are_reported(programs: Path) -> None:
    """Each report has its range and the digest of its lines; the verdicts are counted."""
    lines = [
        b'{"type":"message","feed":"bench","offset":%d,"at":1,"data":[]}' % n for n in range(4, 16)
    ]
    sent = b"".join(map(frame, lines))
    reports, done = reported(programs, sent, 2, ack(1) + ack(2, "broken"))
    for number, report in enumerate(reports):
        part = report.feeds["bench"]
        first = 4 + 5 * number
        assert (report.block, part.first, part.last, part.count) == (
            number + 1,
            first,
            first + 4,
            5,
        )
        expected = digest.digest_of(lines[5 * number :][:5])
        assert (part.epoch, part.digest) == ("e1", digest.format_digest(expected))
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["reports"], found["acks"], found["verified"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ack(2), "an ack of block 2 came after that of 0"),
        (frame(b'{"type":"error","code":"busy","text":"no","block":1}'), "the server says"),
    ],
)
def test_report_without_a_valid_answer_gives_no_result(
    programs: Path, answer: bytes, words: str
) -> None:
    """A report that is refused or answered wrongly ends with a sentence and exit code 1."""
    messages = b"".join(map(message, range(4, 10)))
    _, done = reported(programs, messages, 1, answer)
    assert done.returncode == 1
    assert words in done.stderr


def test_clients_return_to_their_positions(programs: Path) -> None:
    """The load client prints the time at which its clients are live again, by this host's clock."""
    asked = []

    def serve(listener: socket.socket) -> None:
        for offset in (4, 5):
            client, _ = listener.accept()
            with client, client.makefile("rb") as said:
                asked.append(said.readline())
                while said.readline() != b"\r\n":
                    pass
                client.sendall(ANSWER + WELCOME + message(offset))
                if offset == 5:
                    client.sendall(message(6, at=time.time_ns() // 1000))
                    said.read()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        words = (programs / "load", listener.getsockname()[1], "/?feed=bench", 1, 0, "return")
        began = time.monotonic()
        with subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as load:
            assert load.stdout is not None
            found = [json.loads(load.stdout.readline()) for _ in range(2)][-1]
            assert began < found["half"] == found["all"] < time.monotonic() + 0.001
            assert (found["event"], found["clients"]) == ("returned", 1)
            assert (found["lost"], found["doubled"]) == (0, 0)
            load.kill()
        thread.join(PATIENCE_SECONDS)
    key = b"session=the-key-of-client-000001"
    assert [line.split()[1].split(b"&", 1)[1] for line in asked] == [
        key,
        key + b"&after=bench:e1:4",
    ]


def test_limit_delivers_everything(programs: Path) -> None:
    """The program ``limit`` sends several frames per write to several clients without a fault."""
    port = free_port()
    limit = subprocess.Popen([programs / "limit", str(port), "3", "0", "5"])
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        done = run(programs, port, clients=3)
    finally:
        limit.kill()
        limit.wait()
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["messages"] > 0
    assert (found["lost"], found["doubled"], found["unreadable"]) == (0, 0, 0)
