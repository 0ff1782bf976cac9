"""Twisted's port for a Unix socket that already listens; it leaves the socket as it is."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor, tcp, unix
from twisted.python.failure import Failure


class UnixPort(unix.Port):
    """
    A port that accepts the connections of *listener*.

    Twisted's own port, when it adopts a socket, lets every user connect, shortens the queue of
    connections, and removes the file at the end, even if the next server has replaced it.
    """

    def __init__(self, listener: socket.socket, factory: Any) -> None:
        """Duplicate *listener*, which must be non-blocking."""
        super().__init__(listener.getsockname(), factory, reactor=reactor)
        self._listener = listener.dup()

    def startListening(self) -> None:  # noqa: N802  Twisted's name
        """Accept connections from now on."""
        factory: Any = self.factory
        factory.doStart()
        self.socket = self._listener
        self.fileno = self.socket.fileno  # type: ignore[method-assign]
        self.numberAccepts = 100
        self.connected = True
        self.startReading()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Close the socket, and leave its file."""
        tcp.Port.connectionLost(self, reason)  # type: ignore[no-untyped-call]
