"""
Close codes, whose range tells a client whether to come back.

A client written for an older version obeys a code it has never heard of by
its range alone: 4000-4499 come back with backoff, 4500-4999 stay away.
"""

from enum import IntEnum


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
