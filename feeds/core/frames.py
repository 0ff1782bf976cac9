"""
WebSocket frames of a server: one unfragmented, unmasked text message each.

RFC 6455, section 5.2: a FIN bit with opcode 1 (0x81), then the length in 7,
7+16 or 7+64 bits, then the payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from clientapp.wire.codec import encode
from clientapp.wire.from_server import Control

_TEXT = 0x81
_SHORT = Struct(">BB")
_MEDIUM = Struct(">BBH")
_LONG = Struct(">BBQ")


def frame(payload: bytes) -> bytes:
    """Return the frame of one text message; *payload* must be UTF-8."""
    size = len(payload)
    if size < 126:
        return _SHORT.pack(_TEXT, size) + payload
    if size < 65536:
        return _MEDIUM.pack(_TEXT, 126, size) + payload
    return _LONG.pack(_TEXT, 127, size) + payload


def payloads(frames: bytes) -> Iterator[bytes]:
    """Yield the payloads of *frames*, which must be whole frames made by `frame`."""
    position = 0
    while position < len(frames):
        size = frames[position + 1]
        header = _SHORT.size
        if size == 126:
            size = _MEDIUM.unpack_from(frames, position)[2]
            header = _MEDIUM.size
        elif size == 127:
            size = _LONG.unpack_from(frames, position)[2]
            header = _LONG.size
        start = position + header
        yield frames[start : start + size]
        position = start + size


def control_frame(control: Control) -> bytes:
    """Return *control* as a whole frame."""
    return frame(encode(control.write()).encode())
