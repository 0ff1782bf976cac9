"""
Close codes, whose range tells a client whether to come back.

A client written for an older version obeys a code it has never heard of by
its range alone: 4000-4499 come back with backoff, 4500-4999 stay away.
"""

from enum import IntEnum

from .printable import printable

MAX_REASON_BYTES = 123
"""Bytes of UTF-8 in the reason of a close frame at most (RFC 6455, 5.5)."""
_CUT = "…"


class Close(IntEnum):
    """Why a connection was closed."""

    DONE = 1000
    """Nobody needs this connection any more."""
    DRAIN = 4001
    """The server is stopping or restarting."""
    STALLED = 4008
    """The client took nothing and said nothing for too long; it seems gone."""
    TOO_MANY = 4013
    """The server has as many connections as it takes; some will end."""
    UNAVAILABLE = 4014
    """The server cannot tell yet whether it may serve this; its database is away."""
    BAD_REQUEST = 4501
    """A parameter of the URL is not allowed; the same URL will fail again."""
    REMOVED = 4503
    """An operator of the server ended this connection, and does not want it back."""
    LIMIT = 4504
    """The client sent more, or larger frames, than it may."""
    REPLACED = 4509
    """A newer connection of the same session took over."""


def may_return(code: int | None) -> bool:
    """
    Tell whether a client may connect again after *code*.

    ``None`` stands for a connection that ended without a close frame.
    """
    if code is None:
        return True
    return code != Close.DONE and not 4500 <= code <= 4999


def fit_reason(text: str) -> str:
    """Return *text* as the reason of a close frame: printable, and cut where it is too long."""
    text = printable(text)
    data = text.encode()
    if len(data) <= MAX_REASON_BYTES:
        return text
    # What is cut inside a character ends before it.
    kept = data[: MAX_REASON_BYTES - len(_CUT.encode())].decode(errors="ignore")
    return kept.rstrip() + _CUT
