"""Frames that a client announces, read by the real protocol from a transport without a network."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet import error
from twisted.python.failure import Failure

from clientapp.wire.closing import Close
from feeds.core.limits import LIMITS
from tests.support.raw_client import text_frame
from tests.unit.daphne.test_frame_writer import Line, Loop, loop

pytestmark = pytest.mark.usefixtures(loop.__name__)
PONG = text_frame("", opcode=10)
CLOSE = text_frame("\x03\xe8", opcode=8)
"""A close frame with the code 1000."""


def opened() -> Any:
    """Return a protocol that has read nothing yet."""
    protocol = Line().protocol
    protocol.maxFramePayloadSize = protocol.maxMessagePayloadSize = LIMITS.frame_bytes
    protocol.inside_message, protocol.websocket_version = False, 13
    protocol.onClose = lambda *_: None  # there is no Daphne to notify
    return protocol


def header(size: int, *, opcode: int = 1, last: bool = True) -> bytes:
    """Return the header of a frame that announces *size* bytes."""
    return bytes([opcode | 0x80 * last, 0xFF]) + size.to_bytes(8, "big") + bytes(4)


def test_refused_frame_is_discarded(loop: Loop) -> None:
    """A client that sends a large frame by mistake can end the connection with a handshake."""

    async def read() -> Any:
        protocol, size = opened(), LIMITS.byte_burst + 1
        protocol.dataReceived(header(size))
        protocol.dataReceived(bytes(size) + CLOSE)
        return protocol

    protocol = loop.run_until_complete(read())
    assert (protocol.localCloseCode, protocol.remoteCloseCode) == (Close.LIMIT, 1000)


def test_refused_fragments_are_discarded(loop: Loop) -> None:
    """A client that sends a large message in many fragments can also end it properly."""

    async def read() -> Any:
        protocol, size = opened(), LIMITS.frame_bytes
        count = LIMITS.byte_burst // size + 1
        protocol.dataReceived(header(size, last=False) + bytes(size))
        for _ in range(count):
            protocol.dataReceived(header(size, opcode=0, last=False) + bytes(size))
        protocol.dataReceived(CLOSE)
        return protocol

    protocol = loop.run_until_complete(read())
    assert (protocol.localCloseCode, protocol.remoteCloseCode) == (Close.LIMIT, 1000)


def test_closed_connection_has_no_timer(loop: Loop) -> None:
    """The end of a connection ends its wait for more budget."""

    async def leave() -> Any:
        protocol = opened()
        while protocol._rest_ends is None:
            protocol.dataReceived(PONG)
        protocol.transport.connectionLost(Failure(error.ConnectionLost()))  # type: ignore[no-untyped-call]
        return protocol

    protocol = loop.run_until_complete(leave())
    assert protocol._rest_ends
    assert protocol._rest_ends.cancelled()
