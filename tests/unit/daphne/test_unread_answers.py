"""
Answers that a client reads slowly or not at all.

The channel, its requests and Twisted's transport are the real ones. A test decides how much
the socket takes and how time passes.
"""

from __future__ import annotations

import asyncio
from queue import Queue
from types import SimpleNamespace
from typing import Any

import daphne.server  # noqa: F401  it must install its reactor before Twisted finds another
import pytest
from twisted.internet import error, tcp
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from feeds.core.limits import LIMITS
from feeds.daphne.pending import GRACE_SECONDS
from feeds.daphne.requests import BoundedFactory
from tests.unit.daphne.test_frame_writer import Reactor, StingySocket

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
LAST_GET = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
LARGE = 200_000
"""Bytes of an answer that a transport does not hold without a pause."""
ENOUGH = int(LIMITS.slowest_rate * LIMITS.idle_seconds) + 1
"""Bytes that a slow client reads between two looks."""


class Server:
    """An application server whose requests a test answers."""

    server_name = root_path = ""
    proxy_forwarded_address_header = None
    request_buffer_size = LIMITS.body_bytes + 1

    def __init__(self, most: int = 1000) -> None:
        self.requests: list[Any] = []
        """The requests that have arrived."""
        self.factory = BoundedFactory(self, 4 * most)

    def create_application(self, request: Any, _: object) -> Queue[Any]:
        """Record a request."""
        self.requests.append(request)
        return Queue()

    def answer(self, size: int) -> None:
        """Answer the newest request with *size* bytes."""
        headers = [(b"content-length", b"%d" % size)]
        request = self.requests[-1]
        request.handle_reply({"type": "http.response.start", "status": 200, "headers": headers})
        request.handle_reply({"type": "http.response.body", "body": bytes(size)})

    def protocol_connected(self, _: object) -> None:
        """Do nothing, like the other callbacks."""

    def protocol_disconnected(self, _: object) -> None:
        """Do nothing."""

    def log_action(self, *_: object) -> None:
        """Do nothing."""


class Door:
    """One connection of a server, to a client that reads nothing unless told to."""

    def __init__(self, server: Server) -> None:
        self.socket, self.reactor, self.clock = StingySocket(), Reactor(), Clock()
        self.socket.room = [0] * 1000
        self.channel: Any = server.factory.buildProtocol(None)
        self.channel.callLater = self.clock.callLater
        self.transport: Any = tcp.Connection(self.socket, self.channel, self.reactor)  # type: ignore[arg-type]
        vars(self.transport).update(
            getPeer=lambda: None, getHost=lambda: None, abortConnection=self._abort
        )
        self.transport.connected = True
        self.is_aborted = False
        self.channel.makeConnection(self.transport)

    def read(self, size: int) -> None:
        """Let the client read *size* bytes."""
        self.socket.room.insert(0, size)
        self.transport.doWrite()

    def read_all(self) -> None:
        """Let the client read everything."""
        while self.reactor.waits:
            self.read(LARGE)

    def look(self) -> None:
        """Let the idle time pass."""
        self.clock.advance(LIMITS.idle_seconds)

    def _abort(self) -> None:
        self.is_aborted = True


@pytest.mark.parametrize("get", [GET, LAST_GET])
def test_slow_download_is_not_cut(get: bytes) -> None:
    """The idle time begins when the answer has been sent, however long that takes."""
    server = Server()
    door = Door(server)
    door.channel.dataReceived(get)
    server.answer(10 * ENOUGH)
    for _ in range(9):
        door.read(ENOUGH)
        door.look()
        assert not door.is_aborted
    door.read_all()
    assert bool(door.transport.disconnecting) is (get == LAST_GET)
    if get == GET:
        door.look()
        assert door.transport.disconnecting
    assert not door.is_aborted


@pytest.mark.parametrize("get", [GET, LAST_GET])
def test_unread_answer_is_given_up(get: bytes) -> None:
    """A client that reads next to nothing is disconnected."""
    server = Server()
    door = Door(server)
    door.channel.dataReceived(get)
    server.answer(10 * ENOUGH)
    door.read(1)
    door.read(ENOUGH)
    door.look()
    assert not door.is_aborted
    door.read(1)
    door.look()
    assert door.is_aborted


@pytest.mark.parametrize("get", [GET, LAST_GET])
def test_download_does_not_give_way_to_new_connections(get: bytes) -> None:
    """If many connections are pending, new ones end older ones, but never a download."""
    server = Server(most=3)
    door = Door(server)
    door.channel.dataReceived(get)
    server.answer(LARGE)
    others = [Door(server) for _ in range(7)]
    assert others[0].transport.disconnecting
    assert not door.is_aborted
    assert bool(door.transport.disconnecting) is (get == LAST_GET)


def test_number_of_unread_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """If too many answers are unread, the one without progress for longest ends."""
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr("feeds.daphne.requests.time", clock)
    server = Server(most=3)

    def unread() -> Door:
        door = Door(server)
        door.channel.dataReceived(GET)
        server.answer(10 * ENOUGH)
        return door

    doors = [unread() for _ in range(3)]
    doors[0].read(ENOUGH)
    doors[0].look()
    now = GRACE_SECONDS
    doors.append(unread())
    assert [one.is_aborted for one in doors] == [False, True, False, False]
    doors[2].transport.connectionLost(Failure(error.ConnectionLost()))  # type: ignore[no-untyped-call]
    doors[1].transport.connectionLost(Failure(error.ConnectionLost()))  # type: ignore[no-untyped-call]
    doors.append(unread())
    assert not any(one.is_aborted for one in (doors[0], *doors[2:]))


def test_next_request_waits_for_a_client_that_reads() -> None:
    """Requests sent at once are answered one by one, as the client reads the answers."""
    server = Server()
    door = Door(server)
    door.channel.dataReceived(GET * 10)
    door.channel.dataReceived(GET * 10)
    for number in range(1, 21):
        assert len(server.requests) == number
        server.answer(LARGE)
        assert len(server.requests) == number
        door.read(1)
        assert len(server.requests) == number
        door.read_all()
    assert len(door.socket.taken) > 20 * LARGE
    door.look()
    assert door.transport.disconnecting


@pytest.mark.parametrize("get", [GET, LAST_GET])
async def test_answer_in_parts_is_given_up_like_a_whole_one(get: bytes) -> None:
    """A client that stops reading an answer in parts is disconnected; a slow one is not."""
    server = Server()
    door = Door(server)
    door.channel.dataReceived(get)
    request = server.requests[-1]
    request.handle_reply({"type": "http.response.start", "status": 200, "headers": []})
    request.handle_reply({"type": "http.response.body", "body": bytes(LARGE), "more_body": True})
    writable = asyncio.create_task(request.writable())
    await asyncio.sleep(0)
    door.read(1)
    door.read(ENOUGH)
    door.look()
    assert not door.is_aborted
    door.read_all()
    await writable
    door.look()  # nothing is unread while the application makes the next part
    assert not door.is_aborted
    request.handle_reply({"type": "http.response.body", "body": bytes(LARGE), "more_body": True})
    writable = asyncio.create_task(request.writable())
    door.read(1)
    door.look()
    assert door.is_aborted
    door.transport.connectionLost(Failure(error.ConnectionLost()))
    await writable
