"""
One HTTP request, with an end if its application fails after the response began.

Daphne would answer such a request with a second response, which raises an error in
its housekeeping: no failed application was answered any more, and ended connections
were kept.
"""

from __future__ import annotations

import logging

from daphne.http_protocol import WebRequest
from twisted.web.http_headers import Headers

from clientapp.wire.printable import printable

log = logging.getLogger(__name__)


class FeedRequest(WebRequest):  # type: ignore[misc]  # daphne is not typed
    """A request that is answered with 500, or broken off if it is too late for that."""

    def handle_exception(self, exception: Exception) -> None:
        """End a request whose application raised *exception*, which Daphne has logged."""
        if self.finished or self.channel is None:
            return
        if self.startedWriting:
            # Without a clean end, no client or proxy takes the part for the whole.
            path = printable(self.path.decode("latin-1"))
            log.error("the response to %s was broken off after it had begun", path)
            self.channel.transport.abortConnection()
            return
        self._response_started = False
        self.responseHeaders = Headers()
        super().handle_exception(exception)
