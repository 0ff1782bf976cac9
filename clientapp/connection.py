"""One connection to the server: receiving, sending and closing."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from .core.protocol import ClientProtocol
from .core.serverurl import ServerUrl
from .core.stamp import Stamp
from .handshake import failure
from .pinging import ask_time
from .wire import codec
from .wire.codec import Json
from .wire.from_client import Bye
from .wire.from_server import Control, read_from_server
from .wire.message import Message

WELCOME_SECONDS = 10
"""The wait for the welcome, once the connection is open."""
MISSED_HEARTBEATS = 3
"""After this many heartbeats without a frame the server counts as dead."""
NOTED_SECONDS = 0.1
"""The precision of the receipt time of the last frame."""


class Listener(Protocol):
    """The receiver of the frames of all connections of a session."""

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Handle one frame; may raise MalformedMessage or a ClientError."""

    def lost(self, reason: str) -> None:
        """Handle the loss of a connection that had its welcome."""

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Handle the lack of a connection; the next attempt is in *seconds*."""


class Speaker(Protocol):
    """The source of the frames that a session sends."""

    due: asyncio.Event
    """Set when there may be something to send."""

    async def to_send(self) -> list[Json]:
        """Return the frames to send now; may raise a ClientError."""


class Brake(Protocol):
    """A means to slow down receiving, for a reader that is slower than the server."""

    async def wait(self, size: int) -> None:
        """Wait until a frame of *size* bytes may be handled."""


class Connection:
    """One WebSocket to *url*, open; a *brake* slows down its reader."""

    def __init__(
        self,
        url: ServerUrl,
        socket: ClientConnection,
        protocol: ClientProtocol,
        listener: Listener,
        speaker: Speaker,
        *,
        brake: Brake | None,
    ) -> None:
        self._url = url
        self._socket = socket
        self._protocol = protocol
        self._listener = listener
        self._speaker = speaker
        self._brake = brake
        self._welcomed = asyncio.Event()
        self._is_leaving = False

    async def hold(self) -> int | None:
        """
        Exchange frames until the end; return the server's close code, None without one.

        Raises MalformedMessage, NotConnected, Refused, and any error of the
        listener or speaker.
        """
        try:
            async with self._socket:
                try:
                    await self._talk()
                except Exception:
                    # A closing handshake would wait for a server that may not read,
                    # and needs a reader on our side, which has ended.
                    self.abort()
                    raise
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code
        except (OSError, WebSocketException) as error:
            raise failure(self._url, error) from error
        return None

    def leave(self) -> None:
        """Send bye after everything else."""
        self._is_leaving = True
        self._speaker.due.set()

    def abort(self) -> None:
        """Drop the connection without bye or closing handshake."""
        self._socket.transport.abort()

    async def _talk(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                speakers = [group.create_task(say) for say in (self._speak(), self._ask())]
                try:
                    await self._listen()
                finally:
                    for speaker in speakers:
                        speaker.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        noted = 0.0
        async with asyncio.timeout(WELCOME_SECONDS) as silence:
            while True:
                text = await self._socket.recv(decode=False)
                if self._brake is not None and self._welcomed.is_set():
                    silence.reschedule(None)  # the reader is slow, not the server
                    await self._brake.wait(len(text))
                    noted = 0.0
                stamp = Stamp(time.time_ns() // 1000, time.monotonic())
                frame = read_from_server(text)
                if frame is not None:
                    self._listener.received(frame, stamp)
                welcome = self._protocol.welcome
                if welcome is not None:
                    self._welcomed.set()
                # Not for each message: resetting a timer costs as much as a message does.
                if welcome is not None and clock() - noted >= NOTED_SECONDS:
                    noted = clock()
                    silence.reschedule(clock() + MISSED_HEARTBEATS * welcome.heartbeat)

    async def _speak(self) -> None:
        # `_listen` reports a closed connection, after the frames before it.
        with suppress(ConnectionClosed):
            while True:
                await self._speaker.due.wait()
                self._speaker.due.clear()
                for frame in await self._speaker.to_send():
                    await self._socket.send(codec.encode(frame))
                if self._is_leaving:
                    self._is_leaving = False
                    await self._socket.send(codec.encode(Bye().write()))

    async def _ask(self) -> None:
        with suppress(ConnectionClosed):
            await self._welcomed.wait()
            await ask_time(self._socket.send)
