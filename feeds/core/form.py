"""
The forms in which clients of different kinds receive the same feeds.

A stream holds the frames of its messages once, for every form. A form says
whether frames other than messages are written to its clients, and how the
frames that a stream holds become its own (docs/decisions/0012-forms.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Reframe = Callable[[bytes], bytes]
"""Turns whole frames, as streams hold them, into as many frames of a form."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Form:
    """How the clients of one kind receive their feeds."""

    name: str
    has_controls: bool
    """Whether its clients get frames that are no messages."""
    reframe: Reframe | None = None
    """None: its frames are those that streams hold, so all such forms share every write."""

    def frames(self, held: bytes) -> bytes:
        """Return the frames of this form for *held*, which are whole frames of messages."""
        return held if self.reframe is None else self.reframe(held)


PROTOCOL = Form(name="protocol", has_controls=True)
"""For clients that speak the protocol."""
PLAIN = Form(name="plain", has_controls=False)
"""For every other client: messages only."""
