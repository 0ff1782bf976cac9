"""Clients that read slowly, never read, or send too much take little memory and affect no other."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.judge import judge
from tests.support.raw_client import SMALL_BUFFER, RawClient, text_frame
from tests.support.stack import Program, Stack, until

QUIET = pytest.mark.skipif(sys.platform != "linux", reason="only Linux makes a socket deaf")


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation that waits two seconds for progress."""
    stack = Stack(tmp_path, settings="tests.support.impatient_settings")
    yield stack
    stack.close()


def blocks(program: Program) -> int:
    """Return how many blocks a client has."""
    return program.said.count("received successfully")


def closes(stack: Stack, client: str) -> list[tuple[int | None, str]]:
    """Return the close codes and reasons of a client's connections."""
    query = (
        "SELECT close_code, reason FROM feeds_connection c"
        " JOIN feeds_clientsession s ON s.id = c.session_id WHERE s.client = ? ORDER BY c.id"
    )
    return [(row[0], row[1]) for row in stack.rows(query, client)]


def has_ended(stack: Stack, client: str) -> bool:
    """Tell whether a client was connected and is gone."""
    return any(code is not None for code, _ in closes(stack, client))


def test_slow_reader_loses_nothing_and_delays_no_other(stack: Stack) -> None:
    """A client that does not read for a while gets everything, in order."""
    stack.server()
    stack.generator("--feed=arrays", "--rate=5000")
    fast = stack.client("fast", "--feed=arrays", "--block-size=1000")
    with RawClient(stack.port, buffer=SMALL_BUFFER) as slow:
        # Meanwhile far more is sent than sockets and the recent past can hold.
        until(lambda: blocks(fast) >= 15, lambda: fast.said)
        offsets = slow.offsets(14_000)
    assert offsets == list(range(offsets[0], offsets[0] + 14_000))
    assert fast.stop() == 0
    judge(stack.log("fast"))


def test_client_that_reads_nothing_is_closed_and_resumes(impatient: Stack) -> None:
    """A client that hangs is closed with 4008, and later resumes at its position."""
    server = impatient.server()
    impatient.generator("--feed=arrays", "--rate=1000")
    fast = impatient.client("fast", "--feed=arrays", "--block-size=100")
    query = "client=slow&feed=arrays&session=the-key-of-a-slow-client"
    with RawClient(impatient.port, query, buffer=SMALL_BUFFER) as slow:
        epoch = slow.wait_for("welcome")["feeds"]["arrays"]["epoch"]
        seen = slow.offsets(10)
        until(lambda: has_ended(impatient, "slow"), lambda: server.said)
    assert closes(impatient, "slow") == [(4008, "the client read nothing and sent nothing for 2 s")]
    with RawClient(impatient.port, f"{query}&after=arrays:{epoch}:{seen[-1]}") as again:
        seen += again.offsets(5000)
    assert seen == list(range(seen[0], seen[0] + 5010))
    assert fast.stop() == 0
    judge(impatient.log("fast"))
    assert closes(impatient, "fast") == [(1000, "the client left")]


@QUIET
def test_cut_cable_is_noticed(impatient: Stack) -> None:
    """A client that receives no data any more is closed with 4008, even a plain one."""
    server = impatient.server()
    with (
        RawClient(impatient.port, "client=deaf") as deaf,
        RawClient(impatient.port, "client=plain", is_plain=True) as plain,
        RawClient(impatient.port) as other,
    ):
        deaf.wait_for("heartbeat")
        plain.wait_for_ping()
        for client in (deaf, plain):
            client.deafen()
        for name in ("deaf", "plain"):
            until(lambda name=name: has_ended(impatient, name), lambda: server.said)  # type: ignore[misc]
            assert closes(impatient, name)[0][0] == 4008
        other.wait_for("heartbeat")
    assert server.stop() == 0
    assert closes(impatient, "guest")[0][0] != 4008


def test_quiet_client_stays(impatient: Stack) -> None:
    """A client that only listens makes enough progress, even on an idle feed."""
    server = impatient.server()
    with (
        RawClient(impatient.port, "client=quiet") as quiet,
        RawClient(impatient.port, "client=plain", is_plain=True) as plain,
    ):
        for _ in range(12):
            quiet.wait_for("heartbeat")
        # It answers no ping; it is enough that its kernel took the ping.
        for _ in range(3):
            plain.wait_for_ping()
        for name in ("quiet", "plain"):
            assert closes(impatient, name) == [(None, "")]
    assert server.stop() == 0


def test_lagging_client_can_report(stack: Stack) -> None:
    """A client that is behind in reading can still send reports."""
    server = stack.server()
    stack.generator("--feed=arrays", "--rate=5000")
    fast = stack.client("fast", "--feed=arrays", "--block-size=1000")
    sentence = "Client slow received 1 block in 0.5 time"
    with RawClient(stack.port, "client=slow&feed=arrays", buffer=SMALL_BUFFER) as slow:
        until(lambda: blocks(fast) >= 15, lambda: fast.said)
        slow.socket.sendall(text_frame(sentence))
        server.wait_for(sentence)


def test_client_that_does_not_read_is_not_read_from(stack: Stack) -> None:
    """A client that only sends is stopped by its own backlog, not kept in memory."""
    stack.server()
    pings = text_frame('{"type":"ping","t0":1}') * 1000
    with RawClient(stack.port, buffer=SMALL_BUFFER) as client:
        client.socket.settimeout(3)
        # Both kernels' buffers hold some megabytes; the server must not hold the rest.
        with pytest.raises(TimeoutError):
            client.socket.sendall(pings * 2000)


@QUIET
def test_flood_of_frames_is_not_held_in_memory(stack: Stack) -> None:
    """A flood of frames is read as fast as it is handled, and in order."""
    server = stack.server()
    count = 9000  # fewer than `frame_burst`
    pings = b"".join(text_frame(f'{{"type":"ping","t0":{number}}}') for number in range(count))
    with RawClient(stack.port) as client:
        client.wait_for("welcome")
        before = peak_kilobytes(server)
        sender = threading.Thread(target=client.socket.sendall, args=(pings,))
        sender.start()
        answers = (obj["t0"] for obj in client.said() if obj["type"] == "pong")
        assert [next(answers) for _ in range(count)] == list(range(count))
        sender.join()
    assert peak_kilobytes(server) - before < 8 * 1024


def test_message_in_too_many_parts_is_refused(stack: Stack) -> None:
    """A message with too many fragments, including empty ones, ends the connection."""
    stack.server()
    with RawClient(stack.port) as client:
        first = text_frame("x", last=False)
        client.socket.sendall(first + text_frame("", opcode=0, last=False) * 300)
        error = client.wait_for("error")
        assert error["text"] == "a message has more than 256 fragments"
        assert client.wait_for("bye")["code"] == 4504


def peak_kilobytes(program: Program) -> int:
    """Return the peak memory of a process, as Linux reports it."""
    status = Path(f"/proc/{program.process.pid}/status").read_text(encoding="utf-8")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1])
