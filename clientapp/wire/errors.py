"""
What can be wrong with what the other side sent.

    WireError               a sentence that may be shown to the other side
    ├── BadRequest          a parameter of the URL is not allowed
    └── MalformedMessage    a frame is not what the protocol says
"""


class WireError(ValueError):
    """Something that came over the wire is not allowed."""


class BadRequest(WireError):
    """A parameter of the connection's URL is not allowed."""


class MalformedMessage(WireError):
    """A frame is not JSON, or lacks a field, or a field has a wrong value."""

    block: int | None = None
    """The block of the report that is wrong; None: it is no report, or tells no block."""
