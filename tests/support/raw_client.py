"""
A client that is only a socket, so that a test decides what it reads.

It speaks just enough WebSocket: it masks with zeros, and reads unfragmented text frames.
"""

from __future__ import annotations

import ctypes
import json
import socket
import struct
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from clientapp.wire import SUBPROTOCOL
from feeds.core.frames import payloads
from tools.waiting import PATIENCE_SECONDS

SMALL_BUFFER = 4096
"""Size of a receive buffer that is full soon, in bytes."""
_SO_ATTACH_FILTER = 26


class RawClient:
    """One connection to a server on this machine."""

    def __init__(
        self,
        port: int,
        query: str = "feed=arrays",
        *,
        buffer: int | None = None,
        is_plain: bool = False,
    ) -> None:
        """Connect, and read only the handshake; a plain client offers no subprotocol."""
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(upgrade(query, is_plain=is_plain))
        self._payloads: deque[bytes] = deque()
        """Received frames that were not returned yet."""
        self._data = b""
        while not self._data.endswith(b"\r\n\r\n"):
            self._data += self.socket.recv(1)
        assert self._data.startswith(b"HTTP/1.1 101 "), self._data
        self._data = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def said(self) -> Iterator[dict[str, Any]]:
        """Yield the server's frames until it closes the connection."""
        while True:
            while self._payloads:
                payload = self._payloads.popleft()
                if not payload.startswith(b"{"):
                    return  # a close code and its reason
                yield json.loads(payload)
            more = self.socket.recv(1 << 20)
            if not more:
                return
            self._data += more
            whole = whole_frames(self._data)
            self._payloads += payloads(self._data[:whole])
            self._data = self._data[whole:]

    def wait_for(self, kind: str) -> dict[str, Any]:
        """Return the server's next frame of type *kind*."""
        return next(obj for obj in self.said() if obj["type"] == kind)

    def wait_for_ping(self) -> None:
        """Read the server's next ping, which must be the next thing it sends."""
        ping = self.socket.recv(2, socket.MSG_WAITALL)
        assert ping == b"\x89\x00", ping

    def offsets(self, count: int) -> list[int]:
        """Read until *count* messages were received; return their offsets."""
        found: list[int] = []
        for obj in self.said():
            if obj["type"] == "message":
                found.append(obj["offset"])
            if len(found) == count:
                break
        return found

    def deafen(self) -> None:
        """Drop everything that arrives from now on, as if the cable were cut; Linux only."""
        # A filter program of one instruction: keep 0 bytes of every packet.
        program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
        option = struct.pack("HL", 1, ctypes.addressof(program))
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)


def upgrade(query: str, *, is_plain: bool = False) -> bytes:
    """Return the request that opens a WebSocket."""
    offer = "" if is_plain else f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
    return (
        f"GET /?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"{offer}\r\n"
    ).encode()


def text_frame(text: str, *, opcode: int = 1, last: bool = True) -> bytes:
    """Return a client's frame of at most 125 bytes."""
    payload = text.encode("utf-8" if opcode < 8 else "latin-1")
    return bytes([opcode | 0x80 * last, 0x80 | len(payload)]) + bytes(4) + payload


def whole_frames(data: bytes) -> int:
    """Return how many bytes of *data* are complete frames."""
    at = 0
    while at + 2 <= len(data):
        size, header = data[at + 1], 2
        if size == 126:
            size, header = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, header = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        if at + header + size > len(data) or len(data) < at + header:
            break
        at += header + size
    return at
