"""
The answer to a request whose headers are too large.

Twisted reads at most 16,384 bytes of headers. If one line exceeds that, it
closes the connection without an answer. If only all lines together exceed it, it
answers 400 without a reason.
"""

from __future__ import annotations

from typing import Any

from twisted.web.http import HTTPChannel, _GenericHTTPChannelProtocol

SENTENCE = (
    f"The headers of this request are larger than {HTTPChannel.totalHeadersSize:,} bytes. "
    "If a browser sent it, delete its cookies for this host.\n"
)
ANSWER = (
    "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    f"Content-Length: {len(SENTENCE)}\r\n"
    "Connection: close\r\n\r\n"
    f"{SENTENCE}"
).encode()


class HeaderChannel(HTTPChannel):
    """Twisted's reader of requests, with an answer to headers that are too large."""

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802  Twisted's name
        """Answer a single line that is too long."""
        self._refuse()

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        """Answer a bad request; if its headers are too large, say so."""
        if self._receivedHeaderSize > self.totalHeadersSize:
            self._refuse()
        else:
            super()._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]

    def _refuse(self) -> None:
        channel: Any = self  # Twisted is only partly typed
        channel.transport.write(ANSWER)
        channel.loseConnection()


def answer_large_headers(factory: Any) -> None:
    """Make connections of Daphne's *factory* answer headers that are too large."""
    channel: Any = HeaderChannel
    # The same wrapper as Twisted's own, which adds HTTP/2 over TLS.
    factory.protocol = lambda: _GenericHTTPChannelProtocol(channel())
