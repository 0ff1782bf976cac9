"""
The forms in which clients of different kinds receive the same feeds.

A stream holds the frames of its messages once, with the gaps between epochs. A
form defines whether its clients receive frames other than messages, and how
the frames held by a stream are converted for them. The conversion happens once
for all clients of the form, on first use (docs/decisions/0012-forms.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clientapp.wire.request import speaks_protocol
from feeds.core.frames import frame, payloads

Reframe = Callable[[bytes], bytes]
"""Converts whole frames, as streams hold them, to those of a form: one for each message."""

_MESSAGE = b'{"type":"message"'
"""The beginning of each line."""
_GAP = b'{"type":"gap"'
"""The beginning of the only controls that streams hold."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Form:
    """The form in which clients of one kind receive their feeds."""

    name: str
    has_controls: bool
    """Whether its clients receive frames other than messages."""
    reframe: Reframe | None = None
    """The conversion of frames; None if the frames held by streams are sent unchanged."""

    def frames(self, held: bytes) -> bytes:
        """Return the frames of this form for *held*, which are whole frames of messages."""
        return held if self.reframe is None else self.reframe(held)


def messages_only(frames: bytes) -> bytes:
    """Return *frames* without their gaps, which are rare."""
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
