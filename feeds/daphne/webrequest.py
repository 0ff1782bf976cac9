"""
One HTTP request, unparsed, which also ends if its application fails during the response.

Django parses the body: Twisted would parse it in the thread of the event loop. Daphne would
answer a failed request with a second response. That raised an error in its housekeeping, so that
later failures were no longer answered, and ended connections were kept. Daphne also writes a
streamed response as fast as the application makes it, however slowly
the client reads; here each part waits until there is room for it.
"""

from __future__ import annotations

import asyncio
import logging
from io import BytesIO

from daphne.http_protocol import WebRequest
from twisted.web.http_headers import Headers

from clientapp.wire.printable import printable

log = logging.getLogger(__name__)


class FeedRequest(WebRequest):  # type: ignore[misc]  # daphne is not typed
    """Daphne's request, with the body in memory, and an answer to each failure."""

    _room: asyncio.Event | None = None
    """Set while the socket takes more; None while the response has only one part."""

    def gotLength(self, _: int | None) -> None:  # noqa: N802  Twisted's name
        """Keep the body in memory, where its size is bounded; never in a file."""
        self.content = BytesIO()

    async def writable(self) -> None:
        """
        Wait until the client has read enough of a response for its next part.

        If the client is gone, Daphne tells the application, which is cancelled.
        """
        if self._room is None and self.channel is not None and not self.finished:
            self._room = asyncio.Event()
            self._room.set()
            self.registerProducer(self, streaming=True)
            if self.channel.is_full:
                self.pauseProducing()
        if self._room is not None:
            await self._room.wait()
        # An application that never waits must not keep the event loop, or outlive its client.
        await asyncio.sleep(0)

    def pauseProducing(self) -> None:  # noqa: N802
        """Record that the socket takes no more for now."""
        if self._room is not None and self.channel is not None:
            self._room.clear()
            self.channel.await_reading()

    def resumeProducing(self) -> None:  # noqa: N802
        """Record that the socket takes more."""
        if self._room is not None:
            self._room.set()
            if self.channel is not None:
                self.channel.note_reading()

    def stopProducing(self) -> None:  # noqa: N802
        """Record that the connection is lost."""
        self.resumeProducing()

    def finish(self) -> None:
        """End the response."""
        if self._room is not None:
            self.unregisterProducer()
        super().finish()

    def parseCookies(self) -> None:  # noqa: N802
        """Leave cookies to Django."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Pass the complete request on, without Twisted's parsing of forms."""
        # Daphne accepts it from any client; use the setting `FORCE_SCRIPT_NAME`.
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        if self.channel.is_upgrade():
            self.channel.open_websocket(self._head(command, version))
        else:
            self.process()

    def _head(self, command: bytes, version: bytes) -> bytes:
        """Return the head of a request for a WebSocket, as `read_head` reads it."""
        fields = [
            b"%b: %b\r\n" % (name, value)
            for name, values in self.requestHeaders.getAllRawHeaders()
            for value in values
        ]
        return b"%b %b %b\r\n%b\r\n" % (command, self.uri, version, b"".join(fields))

    def handle_exception(self, exception: Exception) -> None:
        """End a request whose application raised *exception*, which Daphne has logged."""
        if self.finished or self.channel is None:
            return
        if self.startedWriting:
            # Without a clean end, clients and proxies see that the response is incomplete.
            path = printable(self.path.decode("latin-1"))
            log.error("the response to %s was broken off after it had begun", path)
            self.channel.transport.abortConnection()
            return
        self._response_started = False
        self.responseHeaders = Headers()
        super().handle_exception(exception)
