"""
Errors in data from the other side.

    WireError               a sentence that may be shown to the other side
    ├── BadRequest          a parameter of the URL is not allowed
    └── MalformedMessage    a frame violates the protocol
"""


class WireError(ValueError):
    """Data received over the wire is not allowed."""


class BadRequest(WireError):
    """A parameter of the connection's URL is not allowed."""


class MalformedMessage(WireError):
    """A frame is not JSON, or lacks a field, or a field has a wrong value."""

    block: int | None = None
    """The block of the wrong report; None: it is not a report, or names no block."""
