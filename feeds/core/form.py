"""
The forms in which clients of different kinds receive the same feeds.

A stream holds the frames of its messages once, with the gaps between epochs. A
form says whether frames other than messages are written to its clients, and
how the frames that a stream holds become its own. That is done once for all of
its clients, when the first one needs them (docs/decisions/0012-forms.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clientapp.wire.request import speaks_protocol
from feeds.core.frames import frame, payloads

Reframe = Callable[[bytes], bytes]
"""Turns whole frames, as streams hold them, into those of a form: one for each message."""

_MESSAGE = b'{"type":"message"'
"""How each line begins."""
_GAP = b'{"type":"gap"'
"""How the only controls begin that streams hold."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Form:
    """How the clients of one kind receive their feeds."""

    name: str
    has_controls: bool
    """Whether its clients get frames that are no messages."""
    reframe: Reframe | None = None
    """None: its frames are those that streams hold."""

    def frames(self, held: bytes) -> bytes:
        """Return the frames of this form for *held*, which are whole frames of messages."""
        return held if self.reframe is None else self.reframe(held)


def messages_only(frames: bytes) -> bytes:
    """Return *frames* without the gaps among them, which are rare."""
    if _GAP not in frames:
        return frames
    return b"".join(frame(line) for line in payloads(frames) if line.startswith(_MESSAGE))


PROTOCOL = Form(name="protocol", has_controls=True)
"""For clients that speak the protocol."""
PLAIN = Form(name="plain", has_controls=False, reframe=messages_only)
"""For every other client: messages only."""


def form_of(scope: Mapping[str, Any]) -> Form:
    """Return the form for the client of an ASGI *scope*, whatever its URL says."""
    query = scope["query_string"].decode(errors="replace")
    return PROTOCOL if speaks_protocol(scope.get("subprotocols", ()), query) else PLAIN
