"""
The arrival of a connection: its first bytes decide between a WebSocket and HTTP.

A valid request for a WebSocket that arrives in one piece, as from all usual clients, is opened
here. In all other cases the HTTP channel gets the bytes read so far: for HTTP requests, and for
requests for a WebSocket that are incomplete, wrong or too large. The channel has the limits and
the sentences for such requests. Once a request for a WebSocket is complete, the channel passes it
to `open_websocket`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol
from urllib.parse import unquote

from feeds.core.limits import LIMITS
from feeds.daphne.requests import BoundedFactory, hand_over
from feeds.websocket.handshake import NotAllowed, Opening, is_upgrade, read_opening
from feeds.websocket.head import read_head

ROOT_PATH = b"daphne-root-path"
"""A header that Daphne accepts from any client; use the setting `FORCE_SCRIPT_NAME`."""


class Door(Protocol):
    """The server that an arrival is passed on to."""

    def open_websocket(self, transport: Any, opening: Opening, rest: bytes) -> None:
        """Serve a WebSocket over *transport*, whose client has already sent *rest*."""


class Arrival:
    """One connection before its first byte, in the form of a Twisted protocol."""

    __slots__ = ("_factory", "_silence", "_transport", "address")

    def __init__(self, factory: ArrivalFactory, address: Any) -> None:
        self.address = address
        """The client's address."""
        self._factory = factory
        self._transport: Any = None
        self._silence: asyncio.TimerHandle | None = None

    def makeConnection(self, transport: Any) -> None:  # noqa: N802  Twisted's name
        """Wait for the first bytes."""
        self._transport = transport
        self._factory.pending.enter(self, time.monotonic())
        self._silence = asyncio.get_running_loop().call_later(LIMITS.header_seconds, self.give_way)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Pass the connection on to a WebSocket or to the HTTP channel."""
        self._leave()
        try:
            found = read_head(data, LIMITS.header_bytes, LIMITS.header_lines)
            if found is not None and is_upgrade(found[0]):
                opening = read_opening(found[0])
                self._factory.door.open_websocket(self._transport, opening, found[1])
                return
        except NotAllowed:
            pass  # the channel reads it again, and refuses it
        channel = self._factory.channel(self.address)
        hand_over(self._transport, channel)
        channel.makeConnection(self._transport)
        channel.dataReceived(data)

    def connectionLost(self, _: object = None) -> None:  # noqa: N802
        """Forget the connection."""
        self._leave()

    def give_way(self) -> None:
        """End the connection, which has sent nothing."""
        self._leave()
        self._transport.loseConnection()

    def _leave(self) -> None:
        self._factory.pending.leave(self)
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None


class ArrivalFactory(BoundedFactory):
    """The maker of arrivals, one for each connection."""

    def __init__(self, server: Any, files: int) -> None:
        """Serve for *server*, a `Door`, in a process that may open *files* files."""
        super().__init__(server, files)
        self.door: Door = server

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802  Twisted's name
        """Make an arrival."""
        return Arrival(self, addr)

    def channel(self, addr: Any) -> Any:
        """Make a channel for HTTP."""
        return super().buildProtocol(addr)


def scope_of(opening: Opening, transport: Any) -> dict[str, Any]:
    """Return the ASGI scope of a WebSocket over *transport*."""
    peer, host = transport.getPeer(), transport.getHost()
    has_port = hasattr(peer, "port")
    return {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "path": unquote(opening.path.decode("ascii")),
        "raw_path": opening.path,
        "root_path": "",
        # A proxy may join names with - and _ (CVE-2015-0219); the root path is Daphne's own.
        "headers": [
            field for field in opening.fields if b"_" not in field[0] and field[0] != ROOT_PATH
        ],
        "query_string": opening.query,
        "client": [peer.host, peer.port] if has_port else None,
        "server": [host.host, host.port] if has_port else None,
        "subprotocols": opening.subprotocols,
    }
