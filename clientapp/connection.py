"""
The connections of a session, one after another, for as long as it takes.

The only module that knows the WebSocket library. The library's own pings are
off: the server's heartbeats prove life.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.proxy import get_proxy, parse_proxy
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from .core.backoff import backoff
from .core.errors import CouldNot, Refused
from .core.protocol import ClientProtocol
from .core.serverurl import ServerUrl, without_credentials
from .core.stamp import Stamp
from .network import describe, is_loopback
from .pinging import ask_time
from .wire import SUBPROTOCOL, codec
from .wire.closing import Close, may_return
from .wire.errors import MalformedMessage
from .wire.from_server import Control, read_from_server
from .wire.message import Message

OPEN_SECONDS = 10
"""For the handshake, and then again for the welcome."""
CLOSE_SECONDS = 1
"""For the closing handshake: a dead peer must not hold up the next try."""
MISSED_HEARTBEATS = 3
"""So many heartbeats without a frame mean that the server is dead."""
NOTED_SECONDS = 0.1
"""So exactly is it noted when the last frame came."""
MAX_FRAME_BYTES = 2**24
"""A frame is held in memory; no record of a sensible feed comes near."""


class Listener(Protocol):
    """Who hears what comes over the connections."""

    def received(self, frame: Message | Control, stamp: Stamp) -> None:
        """Take one frame; may raise MalformedMessage or a ClientError."""

    def lost(self, reason: str) -> None:
        """Hear that a connection which was welcomed is gone."""

    def waiting(self, reason: str, seconds: float, attempt: int) -> None:
        """Hear that there is no connection, and when the next try comes."""


class Connection:
    """
    The way to the server of one session.

    *refill* is awaited before the protocol is asked what to send, so that it
    need not hold all. *before_send* is awaited before anything is sent, so that
    nothing is reported that is not on the disk. With *patient* false the first
    try must succeed. A slow reader reads *bytes_per_second*.
    """

    def __init__(
        self,
        url: str,
        protocol: ClientProtocol,
        listener: Listener,
        *,
        refill: Callable[[], Awaitable[None]],
        before_send: Callable[[], Awaitable[None]],
        patient: bool,
        bytes_per_second: float | None = None,
    ) -> None:
        self._url = ServerUrl(url)
        self._protocol = protocol
        self._listener = listener
        self._refill = refill
        self._before_send = before_send
        self._patient = patient
        self._bytes_per_second = bytes_per_second
        self._socket: ClientConnection | None = None
        self._wake = asyncio.Event()
        self._welcomed = asyncio.Event()
        self._leaving = False

    async def run(self) -> None:
        """
        Stay connected until the server says that it is done.

        Raises Refused where the server says to stay away, and CouldNot where
        the first try fails and must not.
        """
        delays = backoff(random.random)
        attempt = 0
        while True:
            reason = await self._converse()
            if reason is None or self._leaving:
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
        """Whether there is a server to talk to at present."""
        return self._socket is not None

    def wake(self) -> None:
        """Send what the protocol has to send."""
        self._wake.set()

    def leave(self) -> bool:
        """Say bye; returns False where there is nobody to say it to."""
        if self._socket is None:
            return False
        self._leaving = True
        self._protocol.leave()
        self.wake()
        return True

    def abort(self) -> None:
        """Drop the connection without another word."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _converse(self) -> str | None:
        """Hold one connection until it ends; return why, None when done."""
        try:
            async with await self._open() as socket:
                self._patient = True
                self._socket = socket
                try:
                    await self._talk(socket)
                except Exception:
                    # A closing handshake would wait for a server that reads nothing,
                    # and for us to read, which we do no more.
                    self.abort()
                    raise
                finally:
                    self._socket = None
        except ConnectionClosed as closed:
            return self._judge_close(closed)
        except MalformedMessage as error:
            # It will do so again: who comes back at once would get the same at once.
            self._protocol.proven = False
            return f"the server breaks the protocol: {error}"
        except (OSError, WebSocketException) as error:
            return self._judge_failure(error)
        return None

    async def _open(self) -> ClientConnection:
        """Connect; raises CouldNot, OSError or WebSocketException."""
        has_proxy = not is_loopback(urlsplit(self._url).hostname or "")
        if has_proxy:
            _check_proxy(self._url)
        try:
            return await self._dial(has_proxy=has_proxy)
        except OSError:
            raise  # a certificate that is not accepted is a ValueError, too
        except (InvalidURI, ValueError) as error:
            # A redirect names a host or a port that cannot be: the library does not look first.
            raise WebSocketException(
                f"it redirects to an address that cannot be used ({error})"
            ) from error

    def _dial(self, *, has_proxy: bool) -> connect:
        self._welcomed.clear()
        parts = urlsplit(self._url.full)
        query = self._protocol.connect().query()
        return connect(
            urlunsplit(parts._replace(path=parts.path or "/", query=query)),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            ping_interval=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_FRAME_BYTES,
            # A proxy set up for the world outside does not lead to this machine.
            proxy=True if has_proxy else None,
        )

    async def _talk(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                speakers = [group.create_task(say(socket)) for say in (self._speak, self._ask)]
                try:
                    await self._listen(socket)
                finally:
                    for speaker in speakers:
                        speaker.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _listen(self, socket: ClientConnection) -> None:
        clock = asyncio.get_running_loop().time
        noted = 0.0
        async with asyncio.timeout(OPEN_SECONDS) as silence:
            while True:
                text = await socket.recv(decode=False)
                if self._bytes_per_second is not None:
                    await asyncio.sleep(len(text) / self._bytes_per_second)
                stamp = Stamp(time.time_ns() // 1000, time.monotonic())
                frame = read_from_server(text)
                if frame is not None:
                    self._listener.received(frame, stamp)
                    if self._protocol.is_due:
                        self.wake()
                welcome = self._protocol.welcome
                if welcome is not None:
                    self._welcomed.set()
                # Not for each message: a timer that is set anew costs as much as one.
                if welcome is not None and clock() - noted >= NOTED_SECONDS:
                    noted = clock()
                    silence.reschedule(clock() + MISSED_HEARTBEATS * welcome.heartbeat)

    async def _speak(self, socket: ClientConnection) -> None:
        # The listener hears of a closed connection after the frames before it.
        with suppress(ConnectionClosed):
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._refill()
                frames = self._protocol.to_send()
                if frames:
                    await self._before_send()
                for frame in frames:
                    await socket.send(codec.encode(frame))

    async def _ask(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            await self._welcomed.wait()
            await ask_time(socket.send)

    def _judge_close(self, closed: ConnectionClosed) -> str | None:
        farewell = self._protocol.farewell
        if closed.rcvd is not None:
            code: int | None = closed.rcvd.code
        else:
            code = None if farewell is None else farewell.code
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

    def _judge_failure(self, error: OSError | WebSocketException) -> str:
        reason = without_credentials(_why(error))
        if self._url.startswith("wss:") and _may_lack_tls(error):
            reason += "; a server without TLS has an address with ws://"
        if not _may_retry(error):
            raise Refused(f"{self._url} refuses this client: {reason}")
        if not self._patient:
            raise CouldNot(f"no server at {self._url} ({reason})")
        return reason


def _may_retry(error: OSError | WebSocketException) -> bool:
    """Tell whether a connection that failed with *error* may work later."""
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return status in (408, 425, 429) or not 400 <= status <= 499
    return not isinstance(error, ssl.SSLCertVerificationError)


def _may_lack_tls(error: OSError | WebSocketException) -> bool:
    """Tell whether a connection by TLS failed as it does where the server has none."""
    if isinstance(error, ssl.SSLError):
        # A server that sends an alert, or a certificate, does have it.
        return "CERTIFICATE" not in error.reason and "ALERT" not in error.reason
    return isinstance(error, TimeoutError)


def _check_proxy(url: str) -> None:
    """
    Raise CouldNot where the environment names a proxy that cannot be used.

    No retry would help: the environment of a process stays as it is.
    """
    proxy = get_proxy(parse_uri(url))
    if proxy is None:
        return
    rule = "correct the proxy in the environment (such as http_proxy), or add the host to no_proxy"
    try:
        scheme = parse_proxy(proxy).scheme
    except (InvalidProxy, ValueError) as error:
        # The address may hold a password, so it is not repeated.
        reason = error.msg if isinstance(error, InvalidProxy) else str(error)
        raise CouldNot(f"the proxy for {url} cannot be used: {reason}; {rule}") from None
    if scheme.startswith("socks") and find_spec("python_socks") is None:
        raise CouldNot(
            f"the proxy for {url} needs a package; run: pip install 'python-socks[asyncio]', "
            "or add the host to no_proxy"
        )


def _why(error: OSError | WebSocketException) -> str:
    """Say in a few words what went wrong with a connection."""
    if isinstance(error, InvalidStatus):
        return f"it answers with HTTP status {error.response.status_code}"
    if isinstance(error, OSError):
        return describe(error)
    if isinstance(error.__cause__, EOFError):
        return "it hung up during the handshake"
    return str(error) or type(error).__name__
