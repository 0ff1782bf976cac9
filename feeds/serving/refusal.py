"""Reasons not to serve a connection, in the words of the protocol."""

from __future__ import annotations

from clientapp.wire.closing import Close
from clientapp.wire.from_server import Failure


class Refusal(Exception):
    """
    A connection is not served.

        Refusal
        ├── Forbidden       the request in its URL will never be granted
        ├── Denied          this client may not receive what it requests
        ├── TooMany         there is no room for it now
        └── Unavailable     the request needs the database, which is unavailable
    """

    failure: Failure
    """The error to send before the farewell."""
    close: Close
    """The close code."""
    retry_after = 0.0
    """Seconds to wait, at least, before the next attempt."""


class Forbidden(Refusal):
    """The request in the URL is not allowed."""

    close = Close.BAD_REQUEST

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.failure = Failure(code="bad_request", text=text, retryable=False)


class Denied(Refusal):
    """The client has no valid token for its request, or is banned."""

    close = Close.DENIED

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.failure = Failure(code="denied", text=text, retryable=False)


class TooMany(Refusal):
    """The server, or the token, has as many connections as it allows."""

    close = Close.TOO_MANY
    retry_after = 5.0

    def __init__(self, what: str) -> None:
        text = f"{what}; try again later"
        super().__init__(text)
        self.failure = Failure(code="too_many", text=text, retryable=True)


class Unavailable(Refusal):
    """The server cannot serve this connection at present."""

    close = Close.UNAVAILABLE
    retry_after = 1.0

    def __init__(self, what: str) -> None:
        text = f"{what}; the database does not answer; try again later"
        super().__init__(text)
        self.failure = Failure(code="unavailable", text=text, retryable=True)
