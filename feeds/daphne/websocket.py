"""
One WebSocket connection of a server: whole frames out, the client's words in, and its end.

Daphne sends through Twisted's transport, which copies, queues without bound
and waits for another turn of the loop. A feed's frames are made already, so
`FeedProtocol.write` gives them to the socket whenever nothing is queued before
them. Every byte of a connection leaves through `_send`, so data and controls
keep their order.

Defends: whatever a client does, little is held for it. One that does not read
its answers is not read from; nor is one whose words come faster than they are
handled. A client that only lags is read from: a kernel drops what comes to a
full buffer, acknowledgements of our data with it, and both ends would hang
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
from feeds.core.form import PROTOCOL, Form
from feeds.core.frames import control_frame
from feeds.core.limits import LIMITS
from feeds.core.patience import Patience, Silence, Traffic
from feeds.daphne import kernel

Receive = Callable[[], Awaitable[dict[str, Any]]]

ACCEPTED = b"HTTP/1.1 101 "
"""How the answer to a handshake begins that succeeded."""
EVENT_BYTES = 512
"""What an event of a client takes in memory, beside its text."""


@implementer(IPushProducer)
class _Source:
    """What a transport knows of a protocol: whether it may give more bytes."""

    def __init__(self, protocol: FeedProtocol) -> None:
        self._protocol = protocol

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Take nothing more from the hub until all has left."""
        self._protocol.hold()

    def resumeProducing(self) -> None:  # noqa: N802
        """Let the data go on."""
        self._protocol.go_on()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: `FeedProtocol.connectionLost` is always called, this is not."""


class FeedProtocol(WebSocketProtocol):  # type: ignore[misc]  # daphne is not typed
    """A WebSocket connection that takes whole frames (a hub's `Writer`) and defends itself."""

    descriptor = -1
    """The socket's number, as `Writer` says; -1 through another transport."""
    held: Callable[[], None] = staticmethod(lambda: None)
    """Called when bytes wait, or nothing more may be said, or the socket was closed:
    `descriptor` must not be used then."""
    drained: Callable[[], None] = staticmethod(lambda: None)
    """Called when everything taken has been sent, and more may be said."""
    _direct = False
    """Whether the transport is a plain TCP socket: through TLS, bytes written
    to the socket itself would leave unencrypted."""
    _holds = False
    """Whether bytes wait that the socket does not take."""
    _answer = b""
    """What accepts the connection; it leaves with the welcome, in one write less."""
    form: Form = PROTOCOL
    """The form of its client, known before the handshake is answered."""
    parting: Farewell | None = None
    """What was said before this side closed; None while it did not."""
    _patience: Patience | None = None
    """None before the first look at what was moved."""
    _silence: Silence | None = None
    """None before the first look, and of clients that get heartbeats."""
    _inbox = 0
    """Bytes of what the client said since nothing was left to be handled."""

    def onConnect(self, request: ConnectionRequest) -> Any:  # noqa: N802
        """Begin the handshake; a header on which Daphne would fail ends it."""
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "Sec-WebSocket-Protocol must be ASCII")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        """Take the transport over from HTTP, with a kernel that holds little."""
        transport = self.transport
        self._direct = isinstance(transport, tcp.Connection) and not transport.TLS
        if self._direct:
            self.descriptor = transport.socket.fileno()
        transport.unregisterProducer()
        transport.registerProducer(_Source(self), True)
        super().connectionMade()
        self.send_queue = ()  # Autobahn's; `sendData` has no use for its 700 bytes
        kernel.bound_memory(transport.socket)

    def onOpen(self) -> None:  # noqa: N802
        """Begin; a server that stops says so."""
        super().onOpen()
        self.server.protocol_opened(self)

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Do what the application asks; Daphne's own drops the reason of a close (daphne#374)."""
        if message["type"] == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.sendClose(code=message.get("code", Close.DONE.value), reason=message.get("reason"))
        else:
            super().handle_reply(message)

    def receiving(self, receive: Receive) -> Receive:
        """Return *receive* such that this protocol knows what was handled."""

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
        """Queue what the client said, and stop reading where that is much."""
        self._inbox += len(payload) + EVENT_BYTES
        self._grown()
        super().onMessage(payload, isBinary)

    def processData(self) -> bool:  # noqa: N802
        """Take one more frame of what was read: Autobahn's loop."""
        return not self._must_wait() and bool(super().processData())

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        """Take one more part of a message; empty ones fill memory, too."""
        super().onMessageFrameBegin(length)
        if len(self.message_data) > LIMITS.fragments and not self.failedByMe:
            text = f"a message in more than {LIMITS.fragments} parts came"
            self._break_off(text)

    def connectionLost(self, *reason: Any) -> None:  # noqa: N802
        """Forget the socket, closed just now: its number is the next connection's."""
        self.descriptor = -1
        self.held()
        super().connectionLost(*reason)

    def write(self, frames: bytes) -> bool:
        """Take whole frames; return False until `drained`, as `Writer` says."""
        return bool(self.state == self.STATE_OPEN) and self._send(frames)

    def sendData(self, data: bytes, *options: Any, **more: Any) -> None:  # noqa: N802
        """Send bytes for Autobahn; its options slow a debugged connection down."""
        if self.state == self.STATE_CONNECTING and data.startswith(ACCEPTED):
            self._answer = data
            asyncio.get_running_loop().call_soon(self._send_answer)
        else:
            self._send(data)

    def sendCloseFrame(self, *words: Any, **more: Any) -> None:  # noqa: N802
        """Say that nothing follows, and let nothing follow."""
        self.held()
        super().sendCloseFrame(*words, **more)

    def hold(self) -> None:
        """Give nothing of a feed until what is held has left."""
        self._holds = True
        self.held()
        self._grown()

    def go_on(self) -> None:
        """Note that all that was held has left."""
        self._holds = False
        if self.state == self.STATE_OPEN:
            self.drained()
        self._read_on()

    def check_timeouts(self) -> None:
        """End a connection that has stalled, ping a silent one: asked every other second."""
        if self.state != self.STATE_OPEN:
            return
        traffic, now = self._traffic(), time.monotonic()
        self._patience = self._patience or Patience(LIMITS, traffic, now)
        if self._patience.is_over(traffic, now):
            text = f"nothing was taken and nothing said for {LIMITS.stall_seconds:g} s"
            self.farewell(Close.STALLED, text, retry_after=0.0)
        elif not self.form.has_controls:
            # Proxies end silent connections. No pong is waited for: TCP confirms the ping.
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
        """Tell whether the client must not say more before something else is done."""
        is_full = self._inbox >= LIMITS.inbox_bytes or self._unsent() >= LIMITS.unsent_bytes
        return self.state == self.STATE_OPEN and is_full

    def _grown(self) -> None:
        """Read nothing from a client that must wait."""
        if self._must_wait():
            self.transport.pauseProducing()

    def _read_on(self) -> None:
        if self.state in (self.STATE_OPEN, self.STATE_CLOSING) and not self._must_wait():
            self.consumeData()
            if not self._must_wait():
                self.transport.resumeProducing()

    def _traffic(self) -> Traffic:
        known = kernel.traffic(self.transport.socket)
        if known is not None:
            return known
        # Without the kernel's word, what this process holds has to do.
        received = self.trafficStats.incomingOctetsWireLevel
        return Traffic(taken=-self._unsent(), received=received, in_flight=True, waits=self._holds)

    def _max_message_size_exceeded(self, size: int, most: int, reason: str) -> None:
        """Refuse a frame by its length, before it is read: Autobahn's hook."""
        self._break_off(f"a frame of {size} bytes came; {most} are allowed")

    def _break_off(self, text: str) -> None:
        if self.state == self.STATE_OPEN:
            self._tell(Failure(code="too_large", text=text, retryable=False))
            self.farewell(Close.LIMIT, text, retry_after=0.0)
        self.failedByMe = True  # so that Autobahn throws the rest away

    def _unsent(self) -> int:
        """Return how many bytes this process holds for the client."""
        transport = self.transport
        if self._direct:
            held: int = len(transport.dataBuffer) - transport.offset + transport._tempDataLen  # noqa: SLF001  no public name
            return held
        # What another transport holds it does not tell.
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
            return False  # Twisted reads the same error and ends the connection
        if sent == len(data):
            return True
        transport.write(data[sent:])
        # Twisted tells a producer that the buffer is empty only if it paused it.
        transport.producerPaused = True
        self.hold()
        return False

    def _send_answer(self) -> None:
        if self._answer:
            self._send(b"")


def configured(factory: WebSocketServerFactory) -> type[FeedProtocol]:
    """
    Return the protocol with the options of *factory*.

    Autobahn would copy some forty options to each connection, and print them
    for a log that nobody reads: a third of what it takes to open one.
    """
    options = {name: _option(getattr(factory, name)) for name in FeedProtocol.CONFIG_ATTRS}
    return type(FeedProtocol.__name__, (FeedProtocol,), {**options, "CONFIG_ATTRS": ()})


def _option(value: Any) -> Any:
    """Return *value* such that a class that has it gives it to its instances as it is."""
    return staticmethod(value) if callable(value) else value
