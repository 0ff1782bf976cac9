"""
The way out of a WebSocket connection of Daphne: whole frames, given to the socket at once.

Daphne sends through Twisted's transport, which copies, queues without bound
and waits for another turn of the loop. A feed's frames are made already, so
`FrameWriter.write` gives them to the socket whenever nothing is queued before
them. Every byte of a connection leaves through `_send`, so data and controls
keep their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from feeds.core.limits import LIMITS

ACCEPTED = b"HTTP/1.1 101 "
"""How the answer to a handshake begins that succeeded."""


@implementer(IPushProducer)
class _Source:
    """What a transport knows of a protocol: whether it may give more bytes."""

    def __init__(self, protocol: FrameWriter) -> None:
        self._protocol = protocol

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Take nothing more from the hub until all has left."""
        self._protocol.hold()

    def resumeProducing(self) -> None:  # noqa: N802
        """Let the data go on."""
        self._protocol.go_on()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: `FrameWriter.connectionLost` is always called, this is not."""


class FrameWriter(WebSocketProtocol):  # type: ignore[misc]  # daphne is not typed
    """A WebSocket connection that takes whole frames; a hub's ``Writer``."""

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

    def connectionMade(self) -> None:  # noqa: N802  Twisted's name
        """Take the transport over from HTTP."""
        transport = self.transport
        self._direct = isinstance(transport, tcp.Connection) and not transport.TLS
        if self._direct:
            self.descriptor = transport.socket.fileno()
        transport.unregisterProducer()
        transport.registerProducer(_Source(self), True)
        super().connectionMade()
        self.send_queue = ()  # Autobahn's; `sendData` has no use for its 700 bytes

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

    def _grown(self) -> None:
        """Take note that more bytes wait than before."""

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
