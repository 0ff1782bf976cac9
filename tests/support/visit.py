"""A handshake with any headers, and everything that the server sends after it."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from tools.waiting import PATIENCE_SECONDS

TEXT, CLOSE = 1, 8
"""Opcodes."""


class Visit:
    """One WebSocket connection to a server on this machine; it never sends a frame."""

    def __init__(
        self,
        port: int,
        query: str = "",
        *,
        subprotocols: Sequence[str] = (),
        headers: Sequence[tuple[str, str]] = (),
        host: str = "127.0.0.1",
    ) -> None:
        """Connect and read the answer to the handshake."""
        lines = [f"GET /?{query} HTTP/1.1", f"Host: {host}"]
        lines += ["Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
        if subprotocols:
            lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
        lines += [f"{name}: {value}" for name, value in headers]
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._stream = self._socket.makefile("rb")
        self.status = self._stream.readline().decode().strip()
        self.headers: dict[str, str] = {}
        """The headers of the answer, by their names in lower case."""
        while line := self._stream.readline().decode("latin-1").strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.texts: list[dict[str, Any]] = []
        """The frames received so far, without the close frame."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server selected."""
        return self.headers.get("sec-websocket-protocol")

    def first(self) -> dict[str, Any]:
        """Return the next text frame."""
        opcode, payload = next(self._frames())
        assert opcode == TEXT, payload
        return self._keep(payload)

    def end(self) -> tuple[int, str]:
        """Read to the close frame; return its code and reason."""
        for opcode, payload in self._frames():
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()
            if opcode == TEXT:
                self._keep(payload)
        raise AssertionError(f"the server hung up without a close frame after {self.texts}")

    def _keep(self, payload: bytes) -> dict[str, Any]:
        text: dict[str, Any] = json.loads(payload)
        self.texts.append(text)
        return text

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        while len(head := self._stream.read(2)) == 2:
            size = head[1]
            if size == 126:
                (size,) = struct.unpack(">H", self._stream.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._stream.read(8))
            yield head[0] & 0x0F, self._stream.read(size)
