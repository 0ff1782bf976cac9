"""
One WebSocket connection of a server: what it lets a client say, and how it ends.

Its other half, `FrameWriter`, sends.

Defends: whatever a client does, little is held for it. One that does not read
its answers is not read from; nor is one whose words come faster than they are
handled. A client that only lags is read from: a kernel drops what comes to a
full buffer, acknowledgements of our data with it, and both ends would hang
(docs/decisions/0010-reading-from-who-lags.md).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest

from clientapp.wire.closing import Close, fit_reason
from clientapp.wire.codec import encode
from clientapp.wire.from_server import Control, Failure, Farewell
from feeds.core.form import PROTOCOL, Form
from feeds.core.frames import frame
from feeds.core.limits import LIMITS
from feeds.core.patience import Patience, Silence, Traffic
from feeds.daphne import kernel
from feeds.daphne.framewriter import FrameWriter

Receive = Callable[[], Awaitable[dict[str, Any]]]

EVENT_BYTES = 512
"""What an event of a client takes in memory, beside its text."""


class FeedProtocol(FrameWriter):
    """A WebSocket connection that defends itself."""

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
        """Begin, with a kernel that holds little."""
        super().connectionMade()
        kernel.bound_memory(self.transport.socket)

    def onOpen(self) -> None:  # noqa: N802
        """Begin; a server that stops says so."""
        super().onOpen()
        self.server.protocol_opened(self)

    def go_on(self) -> None:
        """Let data go on in both directions: all that was held has left."""
        super().go_on()
        self._read_on()

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
            self.write(frame(encode(control.write()).encode()))

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
