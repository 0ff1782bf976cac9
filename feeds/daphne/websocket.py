"""
One WebSocket connection of a server: frames out, the client's messages in, and its end.

Daphne sends through Twisted's transport, which copies, queues without bound and
waits for another turn of the loop. A feed's frames are already encoded, so
`FeedProtocol.write` writes them to the socket unless something is queued before
them. Every byte of a connection is sent by `_send`, so data and controls keep
their order.

Defends: whatever a client does, the server holds little for it. It stops reading
from a client that does not read its answers, from one that sends faster than the
server handles, and from one that sends more than its `Budget`. It keeps reading from
a client that only lags: a kernel whose receive buffer is full drops packets, even the
acknowledgements of our data, and both ends would hang
(docs/decisions/0010-reading-from-who-lags.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from clientapp.wire.closing import Close, fit_reason
from clientapp.wire.from_server import Control, Failure, Farewell
from feeds.core.budget import Budget
from feeds.core.form import PROTOCOL, Form
from feeds.core.frames import control_frame
from feeds.core.limits import LIMITS
from feeds.core.patience import Patience, Silence, Traffic
from feeds.daphne import kernel

Receive = Callable[[], Awaitable[dict[str, Any]]]

ACCEPTED = b"HTTP/1.1 101 "
"""First bytes of the answer to a successful handshake."""
FIRST_CONTROL = 8
"""The smallest opcode of control frames."""
REST_SECONDS = 0.1
"""Shortest pause of a client that is over its budget, so that it costs ten turns a second."""
EVENT_BYTES = 512
"""Memory that a client's event takes in addition to its text."""


@implementer(IPushProducer)
class _Source:
    """The producer that a transport pauses and resumes for a protocol."""

    def __init__(self, protocol: FeedProtocol) -> None:
        self._protocol = protocol

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Stop the feeds until everything has been sent."""
        self._protocol.hold()

    def resumeProducing(self) -> None:  # noqa: N802
        """Resume the feeds."""
        self._protocol.go_on()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: unlike this method, `FeedProtocol.connectionLost` is always called."""


class FeedProtocol(WebSocketProtocol):  # type: ignore[misc]  # daphne is not typed
    """A WebSocket connection that accepts whole frames (a hub's `Writer`) within limits."""

    descriptor = -1
    """The socket's number, see `Writer`; -1 if the transport is not a plain socket."""
    held: Callable[[], None] = staticmethod(lambda: None)
    """Called when bytes are unsent, or the closing handshake begins, or the socket was
    closed: `descriptor` must not be used then."""
    drained: Callable[[], None] = staticmethod(lambda: None)
    """Called when all accepted bytes have been sent and more may follow."""
    _direct = False
    """Whether the transport is a plain TCP socket: under TLS, bytes written to the
    socket itself would be sent unencrypted."""
    _holds = False
    """Whether there are bytes that the socket has not accepted."""
    _answer = b""
    """The answer to the handshake; it is sent with the welcome, which saves a write."""
    form: Form = PROTOCOL
    """The client's form, known before the handshake is answered."""
    parting: Farewell | None = None
    """The farewell sent before this side closed; None if it has not closed."""
    _patience: Patience | None = None
    """None before the first check of the byte counts."""
    _silence: Silence | None = None
    """None before the first check, and for clients that get heartbeats."""
    _inbox = 0
    """Bytes received since the queue of unhandled events was last empty."""
    _budget: Budget | None = None
    """None before the client's first frame."""
    _turn = 0
    """Frames handled in this turn of the loop."""
    _rest_ends: asyncio.TimerHandle | None = None
    """Set while the client must wait for its next turn, or for its budget."""

    def onConnect(self, request: ConnectionRequest) -> Any:  # noqa: N802
        """Begin the handshake; deny it if Daphne would fail on a header."""
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "Sec-WebSocket-Protocol must be ASCII")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        """Take the transport over from HTTP, and limit the kernel's buffers."""
        transport = self.transport
        self._direct = isinstance(transport, tcp.Connection) and not transport.TLS
        if self._direct:
            self.descriptor = transport.socket.fileno()
        transport.unregisterProducer()
        transport.registerProducer(_Source(self), True)
        super().connectionMade()
        self.send_queue = ()  # Autobahn's; `sendData` does not need it, and it takes 700 bytes
        kernel.bound_memory(transport.socket)

    def onOpen(self) -> None:  # noqa: N802
        """Begin, or say goodbye if the server is stopping."""
        super().onOpen()
        self.server.protocol_opened(self)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Obey the application; Daphne's own method drops the reason of a close (daphne#374)."""
        if message["type"] == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.sendClose(code=message.get("code", Close.DONE.value), reason=message.get("reason"))
        else:
            super().handle_reply(message)

    def receiving(self, receive: Receive) -> Receive:
        """Wrap *receive* so that this protocol knows which events were handled."""

        async def take() -> dict[str, Any]:
            event = await receive()
            if event["type"] == "websocket.disconnect" and self.parting is not None:
                return {**event, "code": int(self.parting.code), "reason": self.parting.reason}
            if self._inbox and self.application_queue.empty():
                self._inbox = 0
                self._read_on()
            return event

        return take

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: FBT001, N802, N803
        """Queue the client's message; stop reading if too much is unhandled."""
        self._inbox += len(payload) + EVENT_BYTES
        self._grown()
        super().onMessage(payload, isBinary)

    def processData(self) -> bool:  # noqa: N802
        """Handle the next frame read, unless the client must wait; Autobahn loops over this."""
        return not self._must_wait() and bool(super().processData())

    def consumeData(self) -> None:  # noqa: N802
        """Handle what was read, within one turn."""
        self._turn = 0
        super().consumeData()

    def onFrameBegin(self) -> None:  # noqa: N802
        """Charge the client for a frame of any kind."""
        frame, now = self.current_frame, time.monotonic()
        budget = self._budget = self._budget or Budget(LIMITS, now)
        carries = frame.opcode < FIRST_CONTROL and (frame.length > 0 or frame.fin)
        # What is refused is not kept: only the frames themselves cost time then.
        size = 0 if self.failedByMe else min(frame.length, LIMITS.frame_bytes)
        budget.spend(size, now, carries=carries)
        self._turn += 1
        super().onFrameBegin()
        if budget.is_flooded:
            text = f"over {LIMITS.flood_frames} pings, pongs or empty fragments came too fast"
            self._break_off(text)
        if seconds := budget.wait(now):
            self._rest(max(seconds, REST_SECONDS))
        elif self._turn >= LIMITS.turn_frames:
            self._rest(0.0)

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        """Begin the next fragment of a message; empty ones take memory too."""
        super().onMessageFrameBegin(length)
        if len(self.message_data) > LIMITS.fragments and not self.failedByMe:
            text = f"a message has more than {LIMITS.fragments} fragments"
            self._break_off(text)

    def connectionLost(self, *reason: Any) -> None:  # noqa: N802
        """Forget the closed socket: the next connection may get its number."""
        self.descriptor = -1
        self.held()
        if self._rest_ends:
            self._rest_ends.cancel()
        super().connectionLost(*reason)

    def write(self, frames: bytes) -> bool:
        """Accept whole frames; return False if `drained` must be awaited, see `Writer`."""
        return bool(self.state == self.STATE_OPEN) and self._send(frames)

    def sendData(self, data: bytes, *options: Any, **more: Any) -> None:  # noqa: N802
        """Send bytes for Autobahn; ignore its options, which slow a connection for debugging."""
        if self.state == self.STATE_CONNECTING and data.startswith(ACCEPTED):
            self._answer = data
            asyncio.get_running_loop().call_soon(self._send_answer)
        else:
            self._send(data)

    def sendCloseFrame(self, *words: Any, **more: Any) -> None:  # noqa: N802
        """Send the close frame, and nothing after it."""
        self.held()
        super().sendCloseFrame(*words, **more)

    def hold(self) -> None:
        """Stop the feeds until the unsent bytes have been sent."""
        self._holds = True
        self.held()
        self._grown()

    def go_on(self) -> None:
        """Note that all unsent bytes have been sent."""
        self._holds = False
        if self.state == self.STATE_OPEN:
            self.drained()
        self._read_on()

    def check_timeouts(self) -> None:
        """End a stalled connection, ping a silent one; called every other second."""
        if self.state != self.STATE_OPEN:
            return
        traffic, now = self._traffic(), time.monotonic()
        self._patience = self._patience or Patience(LIMITS, traffic, now)
        if self._patience.is_over(traffic, now):
            text = f"the client read nothing and sent nothing for {LIMITS.stall_seconds:g} s"
            self.farewell(Close.STALLED, text, retry_after=0.0)
        elif not self.form.has_controls:
            # Proxies end silent connections. A pong is not awaited: TCP confirms the ping.
            seconds = LIMITS.ping_seconds
            self._silence = self._silence or Silence(seconds, traffic, now)
            if self._silence.is_over(traffic, now):
                self.sendPing()

    def farewell(self, code: Close, reason: str, retry_after: float) -> None:
        """Say goodbye and start the closing handshake."""
        if self.state == self.STATE_OPEN:
            self.parting = Farewell(code=code, reason=reason, retry_after=retry_after)
            self._tell(self.parting)
            self.sendClose(code=int(code), reason=fit_reason(reason))

    def _tell(self, control: Control) -> None:
        if self.form.has_controls:
            self.write(control_frame(control))

    def _must_wait(self) -> bool:
        """Tell whether the client must not send more until some bytes are handled or sent."""
        if self.state != self.STATE_OPEN:
            return self._rest_ends is not None
        is_full = self._inbox >= LIMITS.inbox_bytes or self._unsent() >= LIMITS.unsent_bytes
        return self._rest_ends is not None or is_full

    def _grown(self) -> None:
        """Stop reading if the client must wait."""
        if self._must_wait():
            self.transport.pauseProducing()

    def _rest(self, seconds: float) -> None:
        """Read nothing from the client for *seconds*; 0: until the next turn of the loop."""
        self.transport.pauseProducing()
        self._rest_ends = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._rest_ends = None
        self._read_on()

    def _read_on(self) -> None:
        if self.state in (self.STATE_OPEN, self.STATE_CLOSING) and not self._must_wait():
            self.consumeData()
            if not self._must_wait():
                self.transport.resumeProducing()

    def _traffic(self) -> Traffic:
        known = kernel.traffic(self.transport.socket)
        if known is not None:
            return known
        # Without the kernel's counters, use what this process and the kernel hold.
        received = self.trafficStats.incomingOctetsWireLevel
        unread = kernel.unread(self.transport.socket)
        taken, waits = -self._unsent() - unread, self._holds or unread > 0
        return Traffic(taken=taken, received=received, in_flight=True, waits=waits)

    def _max_message_size_exceeded(self, size: int, most: int, reason: str) -> None:
        """Reject a frame by its length, before it is read; a hook of Autobahn."""
        self._break_off(f"a frame of {size} bytes arrived; {most} are allowed")

    def _break_off(self, text: str) -> None:
        if self.state == self.STATE_OPEN:
            self._tell(Failure(code="too_large", text=text, retryable=False))
            self.farewell(Close.LIMIT, text, retry_after=0.0)
        self.failedByMe = True  # so that Autobahn discards the rest

    def _unsent(self) -> int:
        """Return the number of unsent bytes that this process holds for the client."""
        if self._direct:
            return kernel.unsent(self.transport)
        # Other transports do not report how much they hold.
        return LIMITS.unsent_bytes if self._holds else 0

    def _send(self, data: bytes) -> bool:
        transport = self.transport
        if self._answer:
            data, self._answer = self._answer + data, b""
        if not transport.connected or transport.disconnecting:
            return False
        if not self._direct or transport.dataBuffer or transport._tempDataLen:  # noqa: SLF001
            transport.write(data)
            self._grown()
            return not (self._direct or self._holds)
        try:
            sent = transport.socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return False  # Twisted gets the same error on reading and ends the connection
        if sent == len(data):
            return True
        transport.write(data[sent:])
        # Twisted resumes a producer after an empty buffer only if it had paused it.
        transport.producerPaused = True
        self.hold()
        return False

    def _send_answer(self) -> None:
        if self._answer:
            self._send(b"")


def configured(factory: WebSocketServerFactory) -> type[FeedProtocol]:
    """
    Return the protocol class with the options of *factory*.

    Autobahn would copy some forty options to each connection and format them for
    an unused log, which takes a third of the time to open a connection.
    """
    options = {name: _option(getattr(factory, name)) for name in FeedProtocol.CONFIG_ATTRS}
    return type(FeedProtocol.__name__, (FeedProtocol,), {**options, "CONFIG_ATTRS": ()})


def _option(value: Any) -> Any:
    """Return *value* for a class attribute, so that a function does not become a method."""
    return staticmethod(value) if callable(value) else value
