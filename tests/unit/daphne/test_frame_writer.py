"""
The frames of a hub, written to a socket that takes any number of bytes.

The hub, the connection and Twisted's transport are the real ones. The socket takes some bytes of
each send, or none, and the rest later.
"""

from __future__ import annotations

import asyncio
import socket
from array import array
from collections import deque
from typing import Any

import daphne.server  # noqa: F401  it must install its reactor before Twisted finds another
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error, tcp
from twisted.python.failure import Failure

from clientapp.wire.closing import Close
from feeds.core.form import PLAIN, PROTOCOL, Form
from feeds.core.frames import frame, payloads
from feeds.core.hub import Hub
from feeds.daphne.websocket import WebSocket
from feeds.websocket.handshake import acceptance
from feeds.websocket.state import State
from tests.support.hub_parts import ByHand, Recoveries
from tests.support.rfc6455 import PING, masked
from tests.support.slow_writer import CONTROL, LIMITS, messages

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
NUMBER = 1_000_000
"""The socket's descriptor, which no open file has."""


class StingySocket:
    """A socket whose sends take at most the sizes in `room`."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.is_closed = False
        self.room: list[int] = []
        """Bytes that the next sends take; later sends take everything."""
        self.taken = b""
        self.sends = 0

    def send(self, data: Any) -> int:
        """Take as many bytes as there is room for; raises BlockingIOError if there is none."""
        assert not self.is_closed, "bytes were sent to a closed descriptor"
        self.sends += 1
        size = min(self.room.pop(0), len(data)) if self.room else len(data)
        if not size:
            raise BlockingIOError
        self.taken += bytes(data[:size])
        return size

    def fileno(self) -> int:
        """Return the descriptor."""
        return NUMBER

    def shutdown(self, _: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Refuse all data from now on."""
        self.is_closed = True

    def setblocking(self, _: object) -> None:
        """Do nothing, like the other options."""

    def setsockopt(self, *_: object) -> None:
        """Do nothing."""

    def getsockopt(self, *_: object) -> bytes:
        """Return nothing."""
        raise OSError


class Reactor:
    """A reactor that only knows whether the transport waits to write."""

    def __init__(self) -> None:
        self.waits = False

    def addWriter(self, _: object) -> None:  # noqa: N802  Twisted's name
        """Record that the transport waits to write."""
        self.waits = True

    def removeWriter(self, _: object) -> None:  # noqa: N802
        """Record that the transport no longer waits to write."""
        self.waits = False

    def addReader(self, _: object) -> None:  # noqa: N802
        """Do nothing."""

    removeReader = addReader  # noqa: N815

    def callLater(self, *_: object) -> None:  # noqa: N802
        """Do nothing."""


class Line:
    """A hub with one subscriber, and the bytes that its socket took."""

    def __init__(self, form: Form = PROTOCOL) -> None:
        self.socket = StingySocket()
        self.reactor = Reactor()
        self.transport: Any = tcp.Connection(self.socket, None, self.reactor)  # type: ignore[arg-type]
        self.transport.connected = True
        self.websocket = WebSocket(self, self.transport, KEY, form)
        self.transport.protocol = self.websocket  # type: ignore[assignment]
        # The state after a handshake.
        self.websocket.state, self.websocket.line.is_open = State.OPEN, True
        self.hub = Hub(LIMITS, self._pass, Recoveries(), ByHand())
        self.hub.open_stream("users", 0)
        reader = self.hub.subscribe(self.websocket.line, {"users": 0})
        self.websocket.line.held = lambda: self.hub.held(reader)
        self.websocket.line.drained = lambda: self.hub.drained(reader)

    def opened(self, _: WebSocket) -> None:
        """Do nothing: there is no server."""

    def ping(self) -> None:
        """Let the client send a ping, which is answered."""
        self.websocket.dataReceived(masked(PING, "pong"))

    def publish(self) -> None:
        """Publish one more message, and let the hub do all it can."""
        head = self.hub.streams["users"].head
        self.hub.publish("users", head + 1, messages("users", head + 1, head + 1))
        self.work()

    def work(self) -> None:
        """Let the hub do all it can."""
        for _ in self.hub.turns():
            pass

    def _pass(self, sockets: array[int], frames: bytes) -> list[tuple[int, int]]:
        assert sockets.tolist() == [NUMBER]
        try:
            sent = self.socket.send(frames)
        except BlockingIOError:
            sent = 0
        return [] if sent == len(frames) else [(0, sent)]

    def flush(self) -> None:
        """Let the transport write once, as a reactor does when there is room."""
        if self.reactor.waits:
            self.transport.doWrite()
        self.work()

    def finish(self) -> list[str]:
        """Let the socket take everything; return the payloads of the frames."""
        self.socket.room.clear()
        while self.reactor.waits:
            self.flush()
        self.work()
        return [payload.decode("latin-1") for payload in payloads(self.socket.taken)]


MOVES = st.one_of(
    st.just("publish"),
    st.just("tell"),
    st.just("pong"),
    st.just("flush"),
    st.integers(0, 40),
)


@given(moves=st.lists(MOVES, max_size=40))
def test_partial_sends_keep_frames_whole(moves: list[str | int]) -> None:
    """Each message leaves once and in order, and no control lands inside a frame."""
    line = Line()
    told = pongs = published = 0
    for move in moves:
        match move:
            case int():
                line.socket.room.append(move)
            case "publish" if published < LIMITS.recent_messages - 1:
                published += 1
                line.publish()
            case "tell":
                told += all(not one.blocked for one in line.hub.subscribers)
                deque(line.hub.tell(CONTROL), 0)
            case "pong":
                pongs += 1
                line.ping()
            case "flush":
                line.flush()
    found = line.finish()
    assert found.count("!") == told
    assert found.count("pong") == pongs
    offsets = [int(text.split()[1]) for text in found if text.startswith("users ")]
    assert offsets == list(range(1, published + 1))
    assert len(found) == told + pongs + published


@pytest.mark.parametrize("size", range(len(messages("users", 1, 1)[0]) + 1))
def test_partial_send_is_completed(size: int) -> None:
    """The rest of a partly sent frame follows, then the next frame."""
    line = Line()
    line.work()
    line.socket.room = [size, 0]
    line.publish()
    line.ping()
    line.publish()
    assert line.finish() == ["users 1 .......", "pong", "users 2 ..."]


@pytest.mark.parametrize("is_greeted", [True, False])
async def test_answer_to_a_handshake_leaves_with_the_welcome(is_greeted: bool) -> None:  # noqa: FBT001  parametrized
    """Answer and welcome leave in one write; the answer leaves alone if nothing follows at once."""
    line = Line()
    line.websocket.state, line.websocket.line.is_open = State.CONNECTING, False
    await line.websocket.send({"type": "websocket.accept"})
    assert line.socket.sends == 0
    if is_greeted:
        deque(line.hub.tell(CONTROL), 0)
    await asyncio.sleep(0)
    assert line.socket.taken == acceptance(KEY, None) + CONTROL * is_greeted
    assert line.socket.sends == 1


async def test_answer_to_a_plain_client_leaves_before_its_first_message() -> None:
    """A plain client gets no welcome, so a hub may write to its socket at once."""
    line = Line(PLAIN)
    line.work()
    line.websocket.state, line.websocket.line.is_open = State.CONNECTING, False
    await line.websocket.send({"type": "websocket.accept"})
    line.publish()
    answer = acceptance(KEY, None)
    assert line.socket.taken.startswith(answer)
    assert len(list(payloads(line.socket.taken.removeprefix(answer)))) == 1


async def test_nothing_follows_a_close() -> None:
    """Frames that a hub still has are not sent after the close frame."""
    line = Line()
    line.publish()
    line.websocket.close(1000)
    line.publish()
    deque(line.hub.tell(CONTROL), 0)
    assert line.socket.taken.endswith(frame(b"\x03\xe8").replace(b"\x81", b"\x88", 1))
    assert len(line.finish()) == 2


@pytest.mark.parametrize("is_dropped", [True, False])
def test_nothing_is_sent_to_a_closed_socket(is_dropped: bool) -> None:  # noqa: FBT001  parametrized
    """The descriptor of a closed socket may be reused before its consumer learns of the end."""
    line = Line()
    line.publish()
    before = line.socket.taken
    if is_dropped:
        line.transport.unregisterProducer()  # as before a connection is dropped
    line.transport.connectionLost(Failure(error.ConnectionLost()))  # type: ignore[no-untyped-call]
    line.publish()
    deque(line.hub.tell(CONTROL), 0)
    late = line.hub.subscribe(line.websocket.line, {"users": 2})
    line.publish()
    assert (line.socket.taken, line.websocket.line.descriptor) == (before, -1)
    assert late.blocked


async def test_nothing_follows_a_delayed_close() -> None:
    """No data is sent after a close frame that was held back."""
    line = Line()
    line.work()
    line.socket.room = [3]
    deque(line.hub.tell(CONTROL * 3), 0)
    line.websocket.close(1000)
    line.flush()
    line.publish()
    assert line.finish()[:3] == ["!", "!", "!"]
    assert line.socket.taken.endswith(frame(b"\x03\xe8").replace(b"\x81", b"\x88", 1))


@pytest.mark.parametrize("form", [PROTOCOL, PLAIN])
async def test_the_reason_of_a_close_is_in_its_frame(form: Form) -> None:
    """A client of the protocol gets a bye and the reason; a plain client gets the close frame."""
    line = Line(form)
    line.websocket.farewell(Close.DRAIN, "the server stops", retry_after=0.5)
    reason = b"\x0f\xa1the server stops"
    assert line.socket.taken.endswith(frame(reason).replace(b"\x81", b"\x88", 1))
    assert (len(line.finish()) == 1) is (form is PLAIN)


async def test_reason_of_the_application_is_in_the_close() -> None:
    """The application may give a code and a reason."""
    line = Line()
    closing = {"type": "websocket.close", "code": 4501, "reason": "no such feed"}
    await line.websocket.send(closing)
    assert line.socket.taken == frame(b"\x11\x95no such feed").replace(b"\x81", b"\x88", 1)


async def test_plain_client_gets_no_frame_about_its_limits() -> None:
    """A plain client that exceeds a limit is closed with a reason, without a protocol frame."""
    line = Line(PLAIN)
    text = "a frame of 300000 bytes arrived; 262144 are allowed"
    line.websocket.break_off(text)
    assert line.socket.taken == frame(b"\x11\x98" + text.encode()).replace(b"\x81", b"\x88", 1)
