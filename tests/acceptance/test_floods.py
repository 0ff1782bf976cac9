"""Floods of frames: each kind counts, and no other client is affected."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from clientapp.wire.closing import Close
from tests.support.raw_client import RawClient, text_frame
from tests.support.stack import Stack, until

PING, PONG = 9, 10
EMPTY_PART = text_frame("", opcode=0, last=False)
EMPTY = {
    "pings": text_frame("", opcode=PING),
    "pongs": text_frame("", opcode=PONG),
    "fragments": text_frame("x", last=False) + EMPTY_PART * 100 + text_frame("", opcode=0),
}
TOLD = "over 20 pings, pongs or empty fragments arrived too fast"


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Stack]:
    """Give a test an installation that soon disconnects a client that floods it."""
    stack = Stack(tmp_path, settings="tests.support.strict_settings")
    yield stack
    stack.close()


@pytest.mark.parametrize("kind", EMPTY)
def test_flood_of_empty_frames_is_disconnected(strict: Stack, kind: str) -> None:
    """A client that sends empty frames without a pause gets the reason and 4504."""
    strict.server()
    with RawClient(strict.port) as other:
        for is_plain in (False, True):
            name = f"{kind}-{is_plain}"
            with RawClient(strict.port, f"client={name}", is_plain=is_plain) as client:
                with suppress(ConnectionError):
                    client.socket.sendall(EMPTY[kind] * 1000)
                if not is_plain and kind != "pings":  # this reader knows no pongs
                    assert client.wait_for("error")["text"] == TOLD
                    assert client.wait_for("bye")["code"] == Close.LIMIT
                _wait_for_end(strict, name)
        other.socket.sendall(text_frame('{"type":"ping","t0":1}'))
        assert other.wait_for("pong")["t0"] == 1


def test_client_over_its_budget_is_not_read_from(stack: Stack) -> None:
    """TCP slows down a client that sends empty frames as fast as it can."""
    stack.server()
    with RawClient(stack.port) as client, RawClient(stack.port) as other:
        client.socket.settimeout(3)
        # Both kernels' buffers hold some megabytes; the server must not read the rest.
        with pytest.raises(TimeoutError):
            client.socket.sendall(EMPTY["pongs"] * 4_000_000)
        other.socket.sendall(text_frame('{"type":"ping","t0":1}'))
        assert other.wait_for("pong")["t0"] == 1


def test_burst_of_many_messages_is_read(stack: Stack) -> None:
    """Thousands of messages at once, as after an outage, are all answered."""
    stack.server()
    count = 5000
    pings = b"".join(text_frame(f'{{"type":"ping","t0":{number}}}') for number in range(count))
    with RawClient(stack.port) as client:
        sender = threading.Thread(target=client.socket.sendall, args=(pings,))
        sender.start()
        answers = (obj["t0"] for obj in client.said() if obj["type"] == "pong")
        assert [next(answers) for _ in range(count)] == list(range(count))
        sender.join()


def _wait_for_end(stack: Stack, client: str) -> None:
    """Wait until a client was disconnected for its flood."""
    query = (
        "SELECT close_code, reason FROM feeds_connection c"
        " JOIN feeds_clientsession s ON s.id = c.session_id WHERE s.client = ?"
    )
    until(
        lambda: stack.rows(query, client) == [(Close.LIMIT, TOLD)],
        lambda: str(stack.rows(query, client)),
    )
