"""The opening handshake (RFC 6455, section 4.2)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1
from http import HTTPStatus

from feeds.websocket.head import Head

VERSION = b"13"
"""The only version of the protocol."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"[+/0-9A-Za-z]{21}[AQgw]==")
"""16 bytes in base64."""


class NotAllowed(Exception):
    """A request for a WebSocket must be refused; the text says why."""

    def __init__(self, text: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(text)
        self.status = status
        self.lines = (f"Sec-WebSocket-Version: {VERSION.decode()}",)
        """Lines for the header of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A valid request for a WebSocket."""

    path: bytes
    """The path, as it was sent."""
    query: bytes
    fields: list[tuple[bytes, bytes]]
    """The headers of the request."""
    key: bytes
    """The client's key; the answer must prove that the server has read it."""
    subprotocols: list[str]
    """The subprotocols that the client offers."""


def is_upgrade(head: Head) -> bool:
    """Tell whether a request asks for a WebSocket, validly or not."""
    return _has(head.value(b"upgrade"), b"websocket")


def read_opening(head: Head) -> Opening:
    """Read a request for which `is_upgrade` holds; raises NotAllowed."""
    key, offered = head.value(b"sec-websocket-key"), head.value(b"sec-websocket-protocol")
    if not _has(head.value(b"connection"), b"upgrade"):
        raise NotAllowed("A WebSocket needs the header Connection: Upgrade.")
    if head.value(b"sec-websocket-version") != VERSION:
        needed = "A WebSocket needs the header Sec-WebSocket-Version: 13."
        raise NotAllowed(needed, HTTPStatus.UPGRADE_REQUIRED)
    if not _KEY.fullmatch(key):
        raise NotAllowed("A WebSocket needs a Sec-WebSocket-Key of 16 bytes in base64.")
    if not head.value(b"host"):
        raise NotAllowed("A request needs the header Host.")
    if head.value(b"content-length") not in (b"", b"0") or head.value(b"transfer-encoding"):
        raise NotAllowed("A request for a WebSocket has no body.")
    if b"#" in head.target:
        raise NotAllowed("The address of a WebSocket has no fragment (#).")
    if not offered.isascii():
        raise NotAllowed("Sec-WebSocket-Protocol must be ASCII.")
    path, _, query = head.target.partition(b"?")
    return Opening(
        path=path,
        query=query,
        fields=head.fields,
        key=key,
        subprotocols=[word.strip() for word in offered.decode().split(",")] if offered else [],
    )


def acceptance(
    key: bytes, subprotocol: str | None, fields: Iterable[tuple[bytes, bytes]] = ()
) -> bytes:
    """Return the answer that opens the WebSocket, with more headers if there are *fields*."""
    proof = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + proof
    ]
    if subprotocol is not None:
        lines.append(b"Sec-WebSocket-Protocol: " + subprotocol.encode("ascii"))
    lines += [b"%b: %b" % field for field in fields]
    return b"\r\n".join([*lines, b"", b""])


def _has(value: bytes, token: bytes) -> bool:
    """Tell whether *token* is in *value*, a header's list of tokens."""
    return any(one.strip().lower() == token for one in value.split(b","))
