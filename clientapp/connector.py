"""The loop that opens a session's connections, one after another."""

from __future__ import annotations

import asyncio
import random

from .connection import Brake, Connection, Listener, Speaker
from .core.backoff import backoff
from .core.errors import CouldNot, Refused
from .core.protocol import ClientProtocol
from .core.serverurl import ServerUrl
from .handshake import NotConnected, open_socket
from .wire.closing import Close, may_return
from .wire.errors import MalformedMessage


class Connector:
    """
    The loop that keeps a session connected.

    With *patient* false the first attempt must succeed. A *brake* slows down the
    reader.
    """

    def __init__(
        self,
        url: str,
        protocol: ClientProtocol,
        listener: Listener,
        speaker: Speaker,
        *,
        patient: bool,
        brake: Brake | None = None,
    ) -> None:
        self._url = ServerUrl(url)
        self._protocol = protocol
        self._listener = listener
        self._speaker = speaker
        self._patient = patient
        self._brake = brake
        self._connection: Connection | None = None
        self._is_leaving = False

    async def run(self) -> None:
        """
        Stay connected until the server closes with `Close.DONE`, or after `leave`.

        Raises Refused if the server forbids reconnecting, and CouldNot if the
        first attempt fails and *patient* is false.
        """
        delays = backoff(random.random)
        attempt = 0
        while True:
            reason = await self._converse()
            if reason is None or self._is_leaving:
                return
            if self._protocol.proven:
                delays = backoff(random.random)
                attempt = 0
            if self._protocol.welcome is not None:
                self._listener.lost(reason)
            attempt += 1
            seconds = self._protocol.retry_after + next(delays)
            self._listener.waiting(reason, seconds, attempt)
            await asyncio.sleep(seconds)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection at present."""
        return self._connection is not None

    def leave(self) -> bool:
        """Send bye and do not reconnect; returns False if there is no connection."""
        if self._connection is None:
            return False
        self._is_leaving = True
        self._connection.leave()
        return True

    def abort(self) -> None:
        """Drop the connection without bye or closing handshake."""
        if self._connection is not None:
            self._connection.abort()

    async def _converse(self) -> str | None:
        """Hold one connection until it ends; return the reason, None if done."""
        try:
            socket = await open_socket(self._url, self._protocol.connect().query())
            self._connection = Connection(
                self._url,
                socket,
                self._protocol,
                self._listener,
                self._speaker,
                brake=self._brake,
            )
            self._patient = True
            return self._judge_close(await self._connection.hold())
        except MalformedMessage as error:
            # The server would break the protocol again, so do not reset the back-off.
            self._protocol.proven = False
            return f"the server breaks the protocol: {error}"
        except NotConnected as error:
            if not self._patient:
                raise CouldNot(f"no server at {self._url} ({error})") from None
            return str(error)
        finally:
            self._connection = None

    def _judge_close(self, code: int | None) -> str | None:
        """Return the server's reason for closing with *code*; None if done."""
        farewell = self._protocol.farewell
        if code is None and farewell is not None:
            code = farewell.code
        if code == Close.DONE:
            return None
        if farewell is not None and farewell.code == code:
            reason = farewell.reason
        elif code is None:
            reason = "the connection broke"
        else:
            reason = f"the server closed with {code}"
        if may_return(code):
            return reason
        if code == Close.REPLACED:
            raise Refused(f"another client with this session took over ({reason})")
        raise Refused(f"the server refuses this client: {reason} ({code})")
