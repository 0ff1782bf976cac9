"""The state of a connection: before, between and after its two handshakes."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The states of a connection, in their order."""

    CONNECTING = 0
    """The opening handshake is unanswered."""
    OPEN = 1
    CLOSING = 2
    """This side sent a close frame, or refused the connection."""
    CLOSED = 3
    """The socket is closed."""
