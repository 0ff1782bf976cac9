"""
Close codes; their range tells a client whether to reconnect.

A client written for an older version handles an unknown code by its range
alone: 4000-4499 reconnect with back-off, 4500-4999 do not reconnect.
"""

from enum import IntEnum

from .printable import printable

MAX_REASON_BYTES = 123
"""The most bytes of UTF-8 in the reason of a close frame (RFC 6455, 5.5)."""
_CUT = "…"


class Close(IntEnum):
    """The reason for closing a connection."""

    DONE = 1000
    """The connection is no longer needed."""
    DRAIN = 4001
    """The server is stopping or restarting."""
    STALLED = 4008
    """The client received and sent nothing for too long; it seems gone."""
    TOO_MANY = 4013
    """The server has no room for more connections at present; retry later."""
    UNAVAILABLE = 4014
    """The server's database is unavailable, so it cannot check the request yet."""
    BAD_REQUEST = 4501
    """A parameter of the URL is not allowed; the same URL will fail again."""
    DENIED = 4502
    """Access denied: no valid token, a token for other feeds or another name, or a ban."""
    REMOVED = 4503
    """An operator ended this connection; do not reconnect."""
    LIMIT = 4504
    """The client sent more frames, or larger ones, than allowed."""
    REPLACED = 4509
    """A newer connection of the same session took over."""


def may_return(code: int | None) -> bool:
    """
    Tell whether a client may reconnect after *code*.

    ``None`` means that the connection ended without a close frame.
    """
    if code is None:
        return True
    return code != Close.DONE and not 4500 <= code <= 4999


def fit_reason(text: str) -> str:
    """Return *text* as the reason of a close frame: printable, and cut if it is too long."""
    text = printable(text)
    data = text.encode()
    if len(data) <= MAX_REASON_BYTES:
        return text
    # A cut inside a character drops that character.
    kept = data[: MAX_REASON_BYTES - len(_CUT.encode())].decode(errors="ignore")
    return kept.rstrip() + _CUT
