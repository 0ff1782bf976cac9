"""
The frames of a hub, written to a socket that takes any number of bytes.

The hub, the protocol, Autobahn and Twisted's transport are the real ones. The socket takes some
bytes of each send, or none, and the rest later.
"""

from __future__ import annotations

import asyncio
import socket
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any

import daphne.server  # noqa: F401  it must install its reactor before Twisted finds another
import pytest
from autobahn.twisted.websocket import WebSocketServerFactory
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error, tcp
from twisted.python.failure import Failure

from clientapp.wire.closing import Close
from feeds.core.form import PLAIN, PROTOCOL, Form
from feeds.core.frames import frame, payloads
from feeds.core.hub import Hub
from feeds.daphne.websocket import FeedProtocol, configured
from tests.support.hub_parts import ByHand, Recoveries
from tests.support.slow_writer import CONTROL, LIMITS, messages

Loop = asyncio.AbstractEventLoop
PONG = 10
NUMBER = 1_000_000
"""The socket's descriptor, which no open file has."""


class StingySocket:
    """A socket whose sends take at most the sizes in `room`."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.is_closed = False
        self.room: list[int] = []
        """Bytes that the next sends take; those after them take everything."""
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

    def __init__(self) -> None:
        self.socket = StingySocket()
        self.reactor = Reactor()
        factory = WebSocketServerFactory()  # type: ignore[no-untyped-call]
        self.protocol: Any = configured(factory)()
        self.protocol.factory = factory
        self.transport: Any = tcp.Connection(self.socket, self.protocol, self.reactor)  # type: ignore[arg-type]
        vars(self.transport).update(getPeer=lambda: None, getHost=lambda: None)
        self.transport.connected = True
        self.protocol.makeConnection(self.transport)
        self.protocol.setTrackTimings(False)
        # The state after a handshake.
        self.protocol.state, self.protocol.current_frame = FeedProtocol.STATE_OPEN, None
        self.hub = Hub(LIMITS, self._pass, Recoveries(), ByHand())
        self.hub.open_stream("users", 0)
        reader = self.hub.subscribe(self.protocol, {"users": 0})
        self.protocol.held = lambda: self.hub.held(reader)
        self.protocol.drained = lambda: self.hub.drained(reader)

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


@pytest.fixture(autouse=True)
def loop() -> Iterator[Loop]:
    """Provide the event loop that txaio looks for."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)
    made.close()


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
                line.protocol.sendFrame(opcode=PONG, payload=b"pong")
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
    line.protocol.sendFrame(opcode=PONG, payload=b"pong")
    line.publish()
    assert line.finish() == ["users 1 .......", "pong", "users 2 ..."]


@pytest.mark.parametrize("is_greeted", [True, False])
def test_answer_to_a_handshake_leaves_with_the_welcome(is_greeted: bool, loop: Loop) -> None:  # noqa: FBT001  parametrized
    """Answer and welcome leave in one write; the answer leaves alone if nothing follows at once."""
    line = Line()
    line.protocol.state = FeedProtocol.STATE_CONNECTING
    accepted = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

    async def accept() -> None:
        line.protocol.sendData(accepted)
        line.protocol.state = FeedProtocol.STATE_OPEN
        assert line.socket.sends == 0
        if is_greeted:
            deque(line.hub.tell(CONTROL), 0)
        await asyncio.sleep(0)

    loop.run_until_complete(accept())
    assert line.socket.taken == accepted + CONTROL * is_greeted
    assert line.socket.sends == 1


def test_nothing_follows_a_close() -> None:
    """Frames that a hub still has are not sent after the close frame."""
    line = Line()
    line.publish()
    line.protocol.sendClose(code=1000)
    line.publish()
    deque(line.hub.tell(CONTROL), 0)
    assert line.socket.taken.endswith(frame(b"\x03\xe8").replace(b"\x81", b"\x88", 1))
    assert len(line.finish()) == 2


@pytest.mark.parametrize("is_dropped", [True, False])
def test_nothing_is_sent_to_a_closed_socket(is_dropped: bool) -> None:  # noqa: FBT001  parametrized
    """The descriptor of a closed socket may be reused before its consumer learns of the end."""
    line = Line()
    line.protocol.onClose = lambda *_: None  # there is no Daphne to notify
    line.publish()
    before = line.socket.taken
    if is_dropped:
        line.transport.unregisterProducer()  # as Autobahn does before it drops a connection
    line.transport.connectionLost(Failure(error.ConnectionLost()))  # type: ignore[no-untyped-call]
    line.publish()
    deque(line.hub.tell(CONTROL), 0)
    late = line.hub.subscribe(line.protocol, {"users": 2})
    line.publish()
    assert (line.socket.taken, line.protocol.descriptor) == (before, -1)
    assert late.blocked


def test_nothing_follows_a_delayed_close() -> None:
    """No data is sent after a close frame that was held back."""
    line = Line()
    line.work()
    line.socket.room = [3]
    deque(line.hub.tell(CONTROL * 3), 0)
    line.protocol.sendClose(code=1000)
    line.flush()
    line.publish()
    assert line.finish()[:3] == ["!", "!", "!"]
    assert line.socket.taken.endswith(frame(b"\x03\xe8").replace(b"\x81", b"\x88", 1))


@pytest.mark.parametrize("form", [PROTOCOL, PLAIN])
def test_the_reason_of_a_close_is_in_its_frame(form: Form) -> None:
    """A client of the protocol gets a bye and the reason; a plain client gets the close frame."""
    line = Line()
    line.protocol.form = form
    line.protocol.farewell(Close.DRAIN, "the server stops", retry_after=0.5)
    reason = b"\x0f\xa1the server stops"
    assert line.socket.taken.endswith(frame(reason).replace(b"\x81", b"\x88", 1))
    assert (len(line.finish()) == 1) is (form is PLAIN)


def test_reason_of_the_application_is_in_the_close() -> None:
    """Daphne drops the reason; this server puts it into the close frame."""
    line = Line()
    line.protocol.handle_reply({"type": "websocket.close", "code": 4501, "reason": "no such feed"})
    closing = frame(b"\x11\x95no such feed").replace(b"\x81", b"\x88", 1)
    assert line.socket.taken == closing


def test_plain_client_gets_no_frame_about_its_limits() -> None:
    """A plain client that exceeds a limit is closed with a reason, without a protocol frame."""
    line = Line()
    line.protocol.form = PLAIN
    line.protocol._max_message_size_exceeded(300_000, 262_144, "")
    text = b"a frame of 300000 bytes arrived; 262144 are allowed"
    assert line.socket.taken == frame(b"\x11\x98" + text).replace(b"\x81", b"\x88", 1)
