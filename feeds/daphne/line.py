"""
The outgoing bytes of one connection, in their order.

Twisted's transport copies the bytes, queues them without a limit, and sends them in another turn
of the loop. A feed's frames are already encoded, so `Line.send` writes them to the socket itself
unless something is queued before them. Every byte of a WebSocket is sent here, so data and
controls keep their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from feeds.core.limits import LIMITS
from feeds.core.patience import Traffic
from feeds.daphne import kernel


class Reading(Protocol):
    """The incoming direction of a connection, which waits while its client does not read."""

    def grown(self) -> None:
        """Stop reading if too much is unsent."""

    def read_on(self) -> None:
        """Resume reading unless something else forbids it."""


@implementer(IPushProducer)
class Line:
    """A connection's outgoing side: the hub's `Writer`, and Twisted's producer."""

    __slots__ = (
        "_answer",
        "_direct",
        "_holds",
        "_reading",
        "_transport",
        "descriptor",
        "drained",
        "held",
        "is_open",
    )

    def __init__(self, transport: Any, reading: Reading) -> None:
        """Send through Twisted's *transport*."""
        self.descriptor = -1
        """The socket's number, see `Writer`; -1 if the transport is not a plain socket."""
        self.held: Callable[[], None] = _nothing
        """Called when bytes are unsent, or the closing handshake begins, or the socket was
        closed: `descriptor` must not be used then."""
        self.drained: Callable[[], None] = _nothing
        """Called when all accepted bytes have been sent and more may follow."""
        self.is_open = False
        """Whether frames of a hub are accepted: between the two handshakes."""
        self._reading = reading
        self._transport = transport
        self._holds = False
        """Whether there are bytes that the socket has not accepted."""
        self._answer = b""
        """The answer to the handshake, if it waits to be sent with the welcome in one write."""
        self._direct = isinstance(transport, tcp.Connection) and not transport.TLS
        """Whether the transport is a plain socket: under TLS, bytes written to the socket
        itself would be sent unencrypted."""
        if self._direct:
            self.descriptor = transport.socket.fileno()
        transport.registerProducer(self, True)

    def open(self, answer: bytes, *, is_followed: bool) -> None:
        """
        Send *answer*, and accept frames from now on.

        If *is_followed*, the caller soon sends a frame by `send`, before a hub knows this
        connection. That frame and the answer leave in one write.
        """
        self.is_open = True
        self._answer = answer
        if is_followed:
            asyncio.get_running_loop().call_soon(self._send_answer)
        else:
            self._send_answer()

    def write(self, frames: bytes) -> bool:
        """Accept whole frames; return False if `drained` must be awaited, see `Writer`."""
        return self.is_open and self.send(frames)

    def shut(self) -> None:
        """Accept no more frames."""
        self.held()
        self.is_open = False

    def lose(self) -> None:
        """Forget the closed socket: the next connection may get its number."""
        self.descriptor = -1
        self.shut()

    def send(self, data: bytes) -> bool:
        """Send bytes after all earlier ones; return False if some of them are unsent."""
        transport = self._transport
        if self._answer:
            data, self._answer = self._answer + data, b""
        if not transport.connected or transport.disconnecting:
            return False
        if not self._direct or transport.dataBuffer or transport._tempDataLen:  # noqa: SLF001
            transport.write(data)
            self._reading.grown()
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
        self.pauseProducing()
        return False

    def unsent(self) -> int:
        """Return the number of unsent bytes that this process holds for the client."""
        if self._direct:
            return kernel.unsent(self._transport)
        # Other transports do not report how much they hold.
        return LIMITS.unsent_bytes if self._holds else 0

    def traffic(self, received: int) -> Traffic:
        """Return the byte counts; *received* is the number of bytes read by this process."""
        known = kernel.traffic(self._transport.socket)
        if known is not None:
            return known
        # Without the kernel's counters, use what this process and the kernel hold.
        unread = kernel.unread(self._transport.socket)
        taken, waits = -self.unsent() - unread, self._holds or unread > 0
        return Traffic(taken=taken, received=received, in_flight=True, waits=waits)

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """Stop the feeds until everything has been sent."""
        self._holds = True
        self.held()
        self._reading.grown()

    def resumeProducing(self) -> None:  # noqa: N802
        """Resume the feeds: everything has been sent."""
        self._holds = False
        if self.is_open:
            self.drained()
        self._reading.read_on()

    def stopProducing(self) -> None:  # noqa: N802
        """Do nothing: Twisted does not always call this, but always `connectionLost`."""

    def _send_answer(self) -> None:
        if self._answer:
            self.send(b"")


def _nothing() -> None:
    """Do nothing: no hub writes here yet."""
