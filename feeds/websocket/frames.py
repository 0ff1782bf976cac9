"""
A client's frames (RFC 6455, section 5): bytes in, messages out.

Feed a `Reader` with `receive`, then call `next` until it returns None. It returns a `Header` as
soon as a frame begins, so a caller can charge the client or wait before the content arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

NORMAL, PROTOCOL_ERROR, NO_CODE, NOT_UTF8, TOO_LARGE = 1000, 1002, 1005, 1007, 1009
"""Close codes. `NO_CODE` stands for a close frame without one."""
CONTROL_BYTES = 125
"""The longest content of a control frame."""
_SENT_CODES = frozenset((*range(1000, 1004), *range(1007, 1015)))
"""The registered codes that a close frame may have; codes from 3000 to 4999 are free."""


class Opcode(IntEnum):
    """The kinds of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def is_control(self) -> bool:
        """Whether such a frame may interrupt a message."""
        return self >= Opcode.CLOSE


class Header(NamedTuple):
    """A frame that has begun."""

    opcode: Opcode
    size: int
    """Bytes of its content, as announced."""
    is_last: bool
    """Whether the message ends with it."""


class Message(NamedTuple):
    """A whole message, or the content of a control frame."""

    opcode: Opcode
    """Never a continuation."""
    content: bytes | str
    """A str if it is a text."""


class Violation(Exception):
    """The client broke the protocol: close with this code and text; nothing more can be read."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Oversize(Violation):
    """A message exceeds a limit. The reader only looks for a close frame from now on."""

    def __init__(self, text: str) -> None:
        super().__init__(TOO_LARGE, text)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a client's messages."""

    message_bytes: int
    """Bytes of a message, over all its fragments."""
    fragments: int
    """Frames in which a message may arrive."""


class Reader:
    """The frames of one client."""

    __slots__ = (
        "_bounds",
        "_buffer",
        "_frame",
        "_is_broken",
        "_kind",
        "_left",
        "_mask",
        "_parts",
        "_total",
    )

    def __init__(self, bounds: Bounds) -> None:
        """Read messages within *bounds*."""
        self._bounds = bounds
        self._buffer = bytearray()
        self._frame: Header | None = None
        """The frame whose content is being read."""
        self._left = 0
        """Bytes of that frame that have not arrived, if they are discarded."""
        self._mask = b""
        self._kind: Opcode | None = None
        """The kind of the message whose fragments are being read; None between two messages."""
        self._parts: list[bytes] | None = []
        """Its fragments so far; None if everything but a close frame is discarded."""
        self._total = 0
        """Bytes of its fragments so far."""
        self._is_broken = False

    def __len__(self) -> int:
        """Return the number of bytes that wait to be read."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take more bytes."""
        if not self._is_broken:
            self._buffer += data

    def discard(self) -> None:
        """Discard everything but a close frame from now on."""
        self._parts = None

    @property
    def discards(self) -> bool:
        """Whether everything but a close frame is discarded."""
        return self._parts is None

    def next(self) -> Header | Message | None:
        """
        Return the next header or message; None if it has not arrived completely.

        Raises Violation.
        """
        try:
            while True:
                if self._frame is None:
                    self._frame = self._header()
                    return self._frame
                is_whole, message = self._content(self._frame)
                if not is_whole or message is not None:
                    return message
        except Violation as violation:
            if not isinstance(violation, Oversize):
                self._is_broken = True
                self._frame, self._parts = None, None
                self._buffer.clear()
            raise

    def _header(self) -> Header | None:
        """Return the header of the next frame, and remove it from the buffer."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        size, start = second & 0x7F, 6
        if size > CONTROL_BYTES:
            length = 2 if size == CONTROL_BYTES + 1 else 8
            start += length
            if len(buffer) < start:
                self._check(first, second, size)
                return None
            size = int.from_bytes(buffer[2 : 2 + length], "big")
            if size <= (CONTROL_BYTES if length == 2 else 0xFFFF) or size >> 63:
                raise Violation(PROTOCOL_ERROR, "a length is not in its shortest form")
        opcode = self._check(first, second, size)
        if len(buffer) < start:
            return None
        self._mask = bytes(buffer[start - 4 : start])
        del buffer[:start]
        self._left = size
        return Header(opcode, size, first >= 0x80)

    def _check(self, first: int, second: int, size: int) -> Opcode:
        """Return the opcode of a frame with these first bytes; raises Violation."""
        if first & 0x70:
            raise Violation(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & 0x80:
            raise Violation(PROTOCOL_ERROR, "a frame is not masked")
        number = first & 0x0F
        opcode = _OPCODES.get(number)
        if opcode is None:
            raise Violation(PROTOCOL_ERROR, f"the opcode {number} is reserved")
        if opcode.is_control:
            if not first & 0x80:
                raise Violation(PROTOCOL_ERROR, "a control frame is fragmented")
            if size > CONTROL_BYTES:
                raise Violation(PROTOCOL_ERROR, "a control frame is too long")
        elif (opcode is Opcode.CONTINUATION) is (self._kind is None):
            what = (
                "a continuation without a message"
                if self._kind is None
                else "a message begins inside another"
            )
            raise Violation(PROTOCOL_ERROR, what)
        return opcode

    def _content(self, frame: Header) -> tuple[bool, Message | None]:
        """Return whether *frame* is complete, and the message that it completes, or None."""
        if frame.opcode.is_control:
            return self._control(frame)
        if self._parts is None:
            return self._skip(frame), None
        total = self._total + frame.size
        if total > self._bounds.message_bytes:
            self._parts = None
            most = self._bounds.message_bytes
            raise Oversize(f"a frame of {total} bytes arrived; {most} are allowed")
        if len(self._parts) == self._bounds.fragments:
            self._parts = None
            raise Oversize(f"a message has more than {self._bounds.fragments} fragments")
        if len(self._buffer) < frame.size:
            return False, None
        self._parts.append(self._take(frame.size))
        kind, self._frame = self._kind or frame.opcode, None
        if not frame.is_last:
            self._kind, self._total = kind, total
            return True, None
        content = b"".join(self._parts)
        self._kind, self._parts, self._total = None, [], 0
        return True, Message(kind, _text(content) if kind is Opcode.TEXT else content)

    def _control(self, frame: Header) -> tuple[bool, Message | None]:
        if len(self._buffer) < frame.size:
            return False, None
        content, self._frame = self._take(frame.size), None
        if frame.opcode is Opcode.CLOSE:
            read_close(content)
        elif self._parts is None:
            return True, None
        return True, Message(frame.opcode, content)

    def _skip(self, frame: Header) -> bool:
        """Discard the bytes of *frame* that have arrived; return whether it is complete."""
        gone = min(len(self._buffer), self._left)
        del self._buffer[:gone]
        self._left -= gone
        if self._left:
            return False
        self._kind = None if frame.is_last else self._kind or frame.opcode
        self._frame = None
        return True

    def _take(self, size: int) -> bytes:
        """Remove the next *size* bytes from the buffer; return them unmasked."""
        masked = int.from_bytes(self._buffer[:size], "big")
        del self._buffer[:size]
        mask = (self._mask * (size // 4 + 1))[:size]
        return (masked ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


_OPCODES = {int(opcode): opcode for opcode in Opcode}


def read_close(content: bytes) -> tuple[int, str]:
    """Return code and reason of a close frame with *content*; raises Violation."""
    if not content:
        return NO_CODE, ""
    code = int.from_bytes(content[:2], "big")
    if len(content) == 1 or not (code in _SENT_CODES or 3000 <= code <= 4999):
        raise Violation(PROTOCOL_ERROR, "a close frame has no valid code")
    return code, _text(content[2:])


def close_content(code: int, reason: str = "") -> bytes:
    """Return the content of a close frame; *reason* has at most 123 bytes of UTF-8."""
    return code.to_bytes(2, "big") + reason.encode()


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Violation(NOT_UTF8, "a text is not UTF-8") from None
