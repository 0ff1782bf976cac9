"""A client's frames, read by the real connection from a transport without a network."""

from __future__ import annotations

import asyncio

from twisted.internet import error
from twisted.python.failure import Failure

from clientapp.wire.closing import Close
from feeds.core.limits import LIMITS
from feeds.daphne.websocket import WebSocket
from feeds.websocket.state import State
from tests.support.rfc6455 import BINARY, CONTINUATION, PING, PONG, TEXT, closing, masked
from tests.unit.daphne.test_frame_writer import Line


def announced(size: int) -> bytes:
    """Return the header of a frame that announces *size* bytes."""
    return masked(BINARY, length=b"\x7f" + size.to_bytes(8, "big"))


async def ending(line: Line) -> dict[str, object]:
    """Return the last event for the application, once the socket is closed."""
    line.transport.connectionLost(Failure(error.ConnectionDone()))  # type: ignore[no-untyped-call]
    while (event := await line.websocket.receive())["type"] != "websocket.disconnect":
        pass
    return event


def is_over(websocket: WebSocket) -> bool:
    """Tell whether the connection ends as soon as everything is sent."""
    return bool(websocket._transport.disconnecting)


async def test_refused_frame_is_discarded() -> None:
    """A client that sends a large frame innocently can end the connection with a handshake."""
    line, size = Line(), LIMITS.byte_burst + 1
    line.websocket.dataReceived(announced(size))
    assert line.websocket.state is State.CLOSING
    line.websocket.dataReceived(bytes(size) + closing(1000))
    assert is_over(line.websocket)
    event = await ending(line)
    assert event["code"] == Close.LIMIT
    assert event["reason"] == f"a frame of {size} bytes arrived; {LIMITS.frame_bytes} are allowed"


async def test_refused_fragments_are_discarded() -> None:
    """A client that sends a large message in many fragments can also end with a handshake."""
    line, size = Line(), LIMITS.frame_bytes
    line.websocket.dataReceived(masked(BINARY, bytes(size), last=False))
    for _ in range(LIMITS.byte_burst // size + 1):
        line.websocket.dataReceived(masked(CONTINUATION, bytes(size), last=False))
    line.websocket.dataReceived(closing(1000))
    assert is_over(line.websocket)
    assert (await ending(line))["code"] == Close.LIMIT


async def test_closed_connection_has_no_timer() -> None:
    """The end of a connection ends its wait for more budget."""
    line = Line()
    line.websocket.dataReceived(masked(PONG))
    incoming = line.websocket._incoming
    assert incoming is not None
    while incoming._rest_ends is None:
        line.websocket.dataReceived(masked(PONG))
    await ending(line)
    assert incoming._rest_ends.cancelled()


async def test_texts_sent_before_the_client_read_the_farewell_count() -> None:
    """While a server stops, texts on their way are passed on; after a limit they are not."""
    for code, passed_on in ((Close.DRAIN, ["websocket.receive"] * 2), (Close.LIMIT, [])):
        line = Line()
        await line.websocket.receive()
        line.websocket.farewell(code, "the server stops", retry_after=1.0)
        told = line.socket.taken
        line.websocket.dataReceived(masked(TEXT, "one") + masked(PING) + masked(TEXT, "two"))
        assert line.socket.taken == told
        line.websocket.dataReceived(closing(int(code)))
        line.transport.connectionLost(Failure(error.ConnectionDone()))  # type: ignore[no-untyped-call]
        kinds = [(await line.websocket.receive())["type"] for _ in range(len(passed_on) + 1)]
        assert kinds == [*passed_on, "websocket.disconnect"]


async def test_texts_during_a_farewell_are_bounded() -> None:
    """While the application is busy, a stopping server holds no more texts than a running one."""
    line, text, count = Line(), "x" * 1000, 60
    await line.websocket.receive()
    line.websocket.farewell(Close.DRAIN, "the server stops", retry_after=1.0)
    line.websocket.dataReceived(masked(TEXT, text) * count)
    for _ in range(10 * count):
        await asyncio.sleep(0)
    held = len(line.websocket._events)
    assert (held - 1) * len(text) < LIMITS.inbox_bytes
    assert held < count
    assert [(await line.websocket.receive())["text"] for _ in range(count)] == [text] * count


async def test_client_that_breaks_the_protocol_is_told() -> None:
    """The code and a sentence are sent, the application gets them too, and nothing more is read."""
    line = Line()
    line.websocket.dataReceived(masked(3) + masked(PING))
    assert line.socket.taken == b"\x88\x1a\x03\xeathe opcode 3 is reserved"
    line.websocket.dataReceived(masked(PING) * 100)
    assert line.socket.taken.count(b"\x8a") == 0
    event = await ending(line)
    assert (event["code"], event["reason"]) == (1002, "the opcode 3 is reserved")


async def test_frames_before_the_handshake_wait_for_it() -> None:
    """Frames sent before the handshake is answered are read afterwards."""
    line = Line()
    line.websocket.state, line.websocket.line.is_open = State.CONNECTING, False
    line.websocket.dataReceived(masked(TEXT, "early"))
    assert len(line.websocket._events) == 1  # the request to accept it
    await line.websocket.send({"type": "websocket.accept"})
    assert (await line.websocket.receive())["type"] == "websocket.connect"
    assert await line.websocket.receive() == {"type": "websocket.receive", "text": "early"}


async def test_client_without_a_close_frame_is_noticed() -> None:
    """A connection that breaks has the code 1006, and one that is closed properly its own."""
    assert (await ending(Line()))["code"] == 1006
    line = Line()
    line.websocket.dataReceived(closing(4321, b"bye"))
    assert line.socket.taken == b"\x88\x02" + (4321).to_bytes(2, "big")
    assert (await ending(line))["code"] == 4321


async def test_connection_is_refused_without_a_websocket() -> None:
    """An application may refuse a connection, which gets 403 and no frame."""
    line = Line()
    line.websocket.state, line.websocket.line.is_open = State.CONNECTING, False
    await line.websocket.send({"type": "websocket.close"})
    line.flush()
    assert line.socket.taken.startswith(b"HTTP/1.1 403 Forbidden")
    line.websocket.dataReceived(masked(PING))
    assert b"\x8a" not in line.socket.taken


async def test_failed_application_closes_its_connection() -> None:
    """A connection whose application fails is closed with 1011, or with 500 before it is open."""
    line = Line()
    line.websocket.finish(RuntimeError())
    assert line.socket.taken == b"\x88\x02\x03\xf3"
    line = Line()
    line.websocket.state, line.websocket.line.is_open = State.CONNECTING, False
    line.websocket.finish(RuntimeError())
    line.flush()
    assert line.socket.taken.startswith(b"HTTP/1.1 500 ")
