"""
HTTP requests, bounded before anything in them is parsed or copied.

Twisted limits the size of headers and the pauses between packets, and nothing
else. It writes bodies to files and parses forms in the thread of the event loop,
where a form of 150 MB takes most of a minute. So a `BoundedChannel` limits headers,
bodies, the time that they take and the number of requests, and a `FeedRequest`
leaves the body to Django. A body in chunks is refused: tiny chunks cost Twisted a
hundred times as much as their bytes, and no browser sends a form this way.

The next request of a connection must wait until the client has read the answer. A slow download
may take any time; a client that stops reading is disconnected.

A refusal is answered with a sentence. Then the server reads nothing more. It keeps
the connection for `close_seconds`, since closing it at once would discard an answer
that the client has not read.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from daphne.http_protocol import HTTPFactory
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from feeds.core.limits import LIMITS
from feeds.daphne import kernel
from feeds.daphne.answers import answer
from feeds.daphne.pending import Pending
from feeds.daphne.webrequest import FeedRequest
from feeds.serving.probes import PROBES
from feeds.websocket.handshake import NotAllowed, is_upgrade, read_opening
from feeds.websocket.head import read_head

UNCOUNTED = frozenset(path.encode() for path in PROBES)
"""Paths that the event loop itself answers at once, however busy the pages are."""
LONGEST_NUMBER = 18
"""Digits of a length; Python refuses to convert thousands of them."""
HEADERS_TOO_LARGE = (
    f"The headers of this request are larger than {LIMITS.header_bytes:,} bytes. "
    "If a browser sent it, delete its cookies for this host."
)
TOO_MANY_LINES = f"This request has more than {LIMITS.header_lines} header lines."
BODY_TOO_LARGE = (
    f"The body of this request is larger than {LIMITS.body_bytes:,} bytes. "
    "No form of this site is that large."
)
LENGTH_UNKNOWN = "This request does not say how long its body is. Send Content-Length."
HEADERS_TOO_SLOW = f"The headers of this request did not arrive within {LIMITS.header_seconds:g} s."
BODY_TOO_SLOW = f"The body of this request did not arrive within {LIMITS.body_seconds:g} s."
NOT_HTTP = "This is not a request in HTTP/1.1."
NO_GET = "A WebSocket needs the method GET."
NO_WEBSOCKET = "This is not a valid request for a WebSocket in HTTP/1.1."
TOO_MANY_INCOMPLETE = "Too many requests are incomplete; this one waited longest. Send it again."
TOO_MANY_OPEN = (
    f"The server is answering {LIMITS.open_requests} requests, its limit. "
    "Send this one again later."
)


class BoundedChannel(HTTPChannel):
    """Twisted's reader of requests, within limits."""

    MAX_LENGTH = LIMITS.header_bytes
    totalHeadersSize = LIMITS.header_bytes  # noqa: N815  Twisted's name
    maxHeaders = LIMITS.header_lines  # noqa: N815

    _has_begun = False
    """Whether a part of the next request has arrived."""
    _is_open = False
    """Whether a request is being answered."""
    _is_counted = False
    """Whether that request counts in the factory's `open_requests`."""
    _is_unread = False
    """Whether the client must read an answer before the next request is handled."""
    _is_held_up = False
    """Whether the client must read more before the answer continues."""
    _taken = 0
    """Bytes that the client had taken at the last look, see `kernel.taken`."""
    _is_ending = False
    """Whether the connection ends: nothing more is read."""
    factory: BoundedFactory

    def connectionMade(self) -> None:  # noqa: N802
        """Wait for the first request."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self.factory.pending.enter(self, time.monotonic())

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Forget the connection."""
        self.factory.pending.leave(self)
        self.factory.unread.leave(self)
        self._close_request()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read more of a request; unlike Twisted's, this gives the client no more time."""
        if self._is_ending:
            return
        if not (self._has_begun or self._is_open or self._is_unread):
            self._has_begun = True
            self.setTimeout(LIMITS.header_seconds)  # type: ignore[no-untyped-call]
        LineReceiver.dataReceived(self, data)  # type: ignore[no-untyped-call]

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """Refuse a single line that is too long."""
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEADERS_TOO_LARGE)

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Process a header line; return False if the request is refused."""
        name, _, value = line.partition(b":")
        length = value.strip() if name.lower() == b"content-length" else b""
        if length.isdigit() and len(length) > LONGEST_NUMBER:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LARGE)
            return False
        return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse the request if its body is too large, or too many others are open."""
        if self._is_ending:
            return
        if self.length is None:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, LENGTH_UNKNOWN)
        elif self.length > LIMITS.body_bytes:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LARGE)
        elif self._counts() and self.factory.open_requests >= LIMITS.open_requests:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, TOO_MANY_OPEN)
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]
            if self.length:
                self.setTimeout(LIMITS.body_seconds)  # type: ignore[no-untyped-call]

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Read a part of a body."""
        if not self._is_ending:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802
        """Let the complete request be answered."""
        if self._is_ending:
            return
        self._has_begun = False
        self.factory.pending.leave(self)
        self._is_open = not self.is_upgrade()
        self._is_counted = self._counts()
        self.factory.open_requests += self._is_counted
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Wait for the client to read the answer, then for its next request if it wants one."""
        self._close_request()
        self._is_held_up = False
        self._savedTimeOut = LIMITS.idle_seconds
        self._is_ending = not self.persistent
        if self._is_ending or self._waitingForTransport:
            self._is_unread = self.paused = True
            if not self._is_ending:  # closing with unread bytes would discard the answer
                self._transport.pauseProducing()
            self._look()
        else:
            self.factory.pending.enter(self, time.monotonic())
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue with the next request, now that everything has been sent."""
        super().resumeProducing()  # type: ignore[no-untyped-call]
        if self._is_unread and not self._is_ending:
            self._is_unread = self.paused = False
            self.factory.unread.leave(self)
            self.factory.pending.enter(self, time.monotonic())
            self.setTimeout(LIMITS.idle_seconds)  # type: ignore[no-untyped-call]
            if data := self.clearLineBuffer():  # type: ignore[no-untyped-call]
                self.dataReceived(data)

    def open_websocket(self, head: bytes) -> None:
        """Pass the connection on as a WebSocket; *head* is the head of the complete request."""
        rest = self.clearLineBuffer()  # type: ignore[no-untyped-call]
        if not head.startswith(b"GET "):
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, NO_GET, "Allow: GET")
            return
        found = read_head(head, 2 * LIMITS.header_bytes, LIMITS.header_lines)
        if found is None or not is_upgrade(found[0]):
            self._refuse(HTTPStatus.BAD_REQUEST, NO_WEBSOCKET)
            return
        try:
            opening = read_opening(found[0])
        except NotAllowed as refused:
            self._refuse(refused.status, str(refused), *refused.lines)
            return
        self.paused = self._is_ending = True
        self.setTimeout(None)  # type: ignore[no-untyped-call]
        self._networkProducer.unregisterProducer()
        self.factory.server.protocol_disconnected(self.requests[-1])
        self.factory.server.open_websocket(self._transport, opening, rest)

    @property
    def is_full(self) -> bool:
        """Whether the client must read before the socket takes more."""
        return bool(self._waitingForTransport)

    def await_reading(self) -> None:
        """Make the answer wait until the client has read more, for as long as it reads at all."""
        self._is_held_up = True
        self._look()

    def note_reading(self) -> None:
        """Let the answer continue."""
        self._is_held_up = False
        self.factory.unread.leave(self)
        self.setTimeout(None)  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:  # noqa: N802
        """Refuse a request that takes too long; end an idle connection, or an unread answer."""
        is_waiting = self._is_unread or self._is_held_up
        if is_waiting and self._has_read():
            self._look()
        elif is_waiting or self._is_ending:
            self._transport.abortConnection()
        elif not self._has_begun:
            self._end()
        elif self.line_mode:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, HEADERS_TOO_SLOW)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, BODY_TOO_SLOW)

    def give_way(self) -> None:
        """End this connection, which has waited longest."""
        if self._is_unread or self._is_held_up or self._is_ending:
            self._transport.abortConnection()
            return
        if self._has_begun:
            self._transport.write(answer(HTTPStatus.SERVICE_UNAVAILABLE, TOO_MANY_INCOMPLETE))
        self._end()

    @property
    def _transport(self) -> Any:
        return self.transport  # Twisted is only partly typed

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        """Refuse what Twisted cannot read, and headers that are too many or too large."""
        if self._receivedHeaderSize > self.totalHeadersSize:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, HEADERS_TOO_LARGE)
        elif self._receivedHeaderCount > self.maxHeaders:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, TOO_MANY_LINES)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, NOT_HTTP)

    def is_upgrade(self) -> bool:
        """Tell whether the request that has arrived asks for a WebSocket."""
        upgrades = self.requests[-1].requestHeaders.getRawHeaders(b"Upgrade", [b""])
        return bool(upgrades[0].lower() == b"websocket")

    def _counts(self) -> bool:
        """Tell whether the request that has arrived counts as an open one."""
        uri: Any = self._path  # mypy takes it for a request
        return not self.is_upgrade() and uri.partition(b"?")[0] not in UNCOUNTED

    def _close_request(self) -> None:
        self.factory.open_requests -= self._is_counted
        self._is_open = self._is_counted = False

    def _look(self) -> None:
        """Record how much of an answer the client has read, and look again later."""
        self._taken = kernel.taken(self._transport)
        self.factory.unread.enter(self, time.monotonic())
        self.setTimeout(LIMITS.idle_seconds)  # type: ignore[no-untyped-call]

    def _has_read(self) -> bool:
        """Tell whether the client has read enough since the last look."""
        more = kernel.taken(self._transport) - self._taken
        return more >= LIMITS.slowest_rate * LIMITS.idle_seconds

    def _refuse(self, status: HTTPStatus, sentence: str, *lines: str) -> None:
        """Answer, and read nothing more."""
        if self._is_ending:
            return
        self._is_ending = self.paused = True
        self.clearLineBuffer()  # type: ignore[no-untyped-call]
        self._transport.write(answer(status, sentence, *lines))
        self._networkProducer.unregisterProducer()
        self._transport.pauseProducing()
        self._transport.loseWriteConnection()
        self.setTimeout(LIMITS.close_seconds)  # type: ignore[no-untyped-call]

    def _end(self) -> None:
        """Close the connection once everything is sent."""
        self._is_ending = self.paused = True
        self.loseConnection()  # type: ignore[no-untyped-call]
        self.setTimeout(LIMITS.close_seconds)  # type: ignore[no-untyped-call]


class BoundedFactory(HTTPFactory):  # type: ignore[misc]  # daphne is not typed
    """The maker of bounded connections."""

    protocol = BoundedChannel

    def __init__(self, server: Any, files: int) -> None:
        """Serve for Daphne's *server*, in a process that may open *files* files."""
        super().__init__(server)
        self.timeOut = LIMITS.header_seconds
        self.pending = Pending(min(LIMITS.pending_requests, files // 4))
        self.unread = Pending(self.pending.most)
        """The connections whose answer is unread, the one without progress for longest first."""
        self.open_requests = 0
        """Number of requests that are being answered."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Make a connection."""
        channel = super().buildProtocol(addr)
        channel.requestFactory = FeedRequest
        return channel


def hand_over(transport: Any, protocol: Any) -> None:
    """Let *protocol* get the data of *transport* from now on."""
    if isinstance(transport, ProtocolWrapper):  # TLS
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
