"""
Daphne with what a feed needs: direct writes, and an end without losses.

Daphne sends through Twisted's transport, which copies, queues without bound
and waits for another turn of the loop. A feed's frames are made already, so
`FeedProtocol.write` gives them to the socket at once whenever nothing is
queued before them. Every byte of a connection leaves through that one
method, so data and controls keep their order.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer, reactor, tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from clientapp.wire.closing import Close
from clientapp.wire.codec import encode
from clientapp.wire.from_server import Failure, Farewell
from feeds.core.frames import frame
from feeds.core.limits import LIMITS
from feeds.live.node import get_node, stop_node

log = logging.getLogger(__name__)

TCP_NOTSENT_LOWAT = 25
"""Linux' number of the option; Python names it from 3.12 on."""
UNSENT_BYTES = 16 * 2**10
"""What the kernel may hold unsent for a socket: a slow client's backlog
belongs into its cursor, not into kernel memory."""

SAME_SIGNAL_SECONDS = 1.0
"""Two signals within this time are one wish to stop."""


@implementer(IPushProducer)
class _Drained:
    """Tells a protocol when its transport has sent all it held."""

    def __init__(self, protocol: FeedProtocol) -> None:
        self._protocol = protocol

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Do nothing: a short write has paused the data already."""

    def resumeProducing(self) -> None:  # noqa: N802
        """Let the data go on, in both directions."""
        self._protocol.transport.resumeProducing()
        self._protocol.drained()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: the consumer hears of the end by its own event."""


class FeedProtocol(WebSocketProtocol):  # type: ignore[misc]  # daphne is not typed
    """A WebSocket connection that takes whole frames; a hub's ``Writer``."""

    drained: Callable[[], None] = staticmethod(lambda: None)
    """Called when everything taken has been sent."""
    direct = False
    """Whether the transport is a plain TCP socket: through TLS, bytes written
    to the socket itself would leave unencrypted."""

    def onConnect(self, request: ConnectionRequest) -> Any:  # noqa: N802
        """Begin the handshake; a header on which Daphne would fail ends it."""
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(400, "Sec-WebSocket-Protocol must be ASCII")  # type: ignore[no-untyped-call]
        return super().onConnect(request)

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        """Take the transport over from HTTP."""
        transport = self.transport
        self.direct = isinstance(transport, tcp.Connection) and not transport.TLS
        if self.direct:
            transport.unregisterProducer()
            transport.registerProducer(_Drained(self), True)
            _bound_kernel_memory(transport.socket)
        super().connectionMade()

    def sendData(self, data: bytes, *options: Any, **more: Any) -> None:  # noqa: N802
        """Send bytes for Autobahn; its options slow a debugged connection down."""
        if self.direct:
            self.write(data)
        else:
            super().sendData(data, *options, **more)

    def write(self, frames: bytes) -> bool:
        """Take whole frames; return False until `drained`, as `Writer` says."""
        transport = self.transport
        if not transport.connected or transport.disconnecting:
            return False
        if transport.dataBuffer or transport._tempDataLen:  # noqa: SLF001  no public name
            transport.write(frames)
            return False
        try:
            sent = transport.socket.send(frames)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            return False  # Twisted reads the same error and ends the connection
        if sent == len(frames):
            return True
        transport.write(frames[sent:])
        # Twisted tells a producer that the buffer is empty only if it paused it.
        transport.producerPaused = True
        # Who does not read is not read from: its answers would pile up here.
        transport.pauseProducing()
        return False

    def _max_message_size_exceeded(self, size: int, most: int, reason: str) -> None:
        """Refuse a frame by its length, before it is read: Autobahn's hook."""
        if self.state == self.STATE_OPEN:
            text = f"a frame of {size} bytes came; {most} are allowed"
            failure = Failure(code="too_large", text=text, retryable=False)
            self.write(frame(encode(failure.write()).encode()))
            self.farewell(Close.LIMIT, text, retry_after=0.0)
        self.failedByMe = True  # so that Autobahn throws the rest away

    def farewell(self, code: Close, reason: str, retry_after: float) -> None:
        """Say goodbye and start the closing handshake."""
        if self.state == self.STATE_OPEN:
            bye = Farewell(code=code, reason=reason, retry_after=retry_after)
            self.write(frame(encode(bye.write()).encode()))
            self.sendClose(code=int(code))


class FeedServer(Server):  # type: ignore[misc]  # daphne is not typed
    """Daphne's server with `FeedProtocol`, and a drain in place of a kill."""

    def __init__(self, application: Any, **options: Any) -> None:
        # Daphne's pings end a client whose pong waits behind a backlog, and its
        # timeout ends every connection after a day: heartbeats do their work.
        options |= {"ping_interval": 2**31, "websocket_timeout": -1, "signal_handlers": False}
        options |= {
            f"websocket_max_{unit}_size": LIMITS.frame_bytes for unit in ("message", "frame")
        }
        options["ready_callable"] = self._prepare
        super().__init__(application, **options)
        self.error: str | None = None
        """Why the server could not listen."""
        self.exit_code = 0
        self._ports: list[Any] = []
        self._draining_since: float | None = None

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application; a feed's connection gets its writer."""
        if isinstance(protocol, FeedProtocol) and protocol.direct:
            scope.setdefault("extensions", {})["blockfeed.writer"] = protocol
        return super().create_application(protocol, scope)

    def listen_success(self, port: Any) -> None:
        """Keep the port, so that a drain can stop listening first."""
        self._ports.append(port)
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        """Remember why, and stop: Daphne logs it and hangs."""
        self.error = failure.getErrorMessage()
        self.stop()

    def drain(self, exit_code: int = 0) -> None:
        """
        End every connection with a reason, store every fact, and stop.

        Must be called in the reactor's thread. A second call stops at once,
        if it does not come with the first: a terminal and a parent process
        may both pass the same Ctrl-C on.
        """
        now = time.monotonic()
        if self._draining_since is not None:
            if now - self._draining_since > SAME_SIGNAL_SECONDS:
                self.stop()
            return
        self._draining_since = now
        self.exit_code = exit_code
        self._end = asyncio.ensure_future(self._drain())

    def kill_all_applications(self) -> Any:
        """Cancel what is left; Daphne's own raises after any upgrade."""
        left = [task for task in self._applications() if not task.done()]
        for task in left:
            task.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*left, return_exceptions=True))

    async def _drain(self) -> None:
        for port in self._ports:
            port.stopListening()
        for protocol in list(self.connections):
            if isinstance(protocol, FeedProtocol):
                protocol.farewell(Close.DRAIN, "the server stops", retry_after=0.5)
        applications = [task for task in self._applications() if not task.done()]
        if applications:
            await asyncio.wait(applications, timeout=LIMITS.drain_seconds)
        await stop_node()
        self.stop()

    def _applications(self) -> list[asyncio.Task[None]]:
        # HTTP requests that were upgraded stay listed without an application.
        return [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]

    def _prepare(self) -> None:
        """Finish what ``Server.run`` set up, just before the reactor runs."""
        self.ws_factory.protocol = FeedProtocol
        reactor.callWhenRunning(lambda: asyncio.ensure_future(get_node()))
        if threading.current_thread() is threading.main_thread():
            self._drain_on_signals()

    def _drain_on_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: reactor.callFromThread(self.drain))


def _bound_kernel_memory(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * UNSENT_BYTES)
