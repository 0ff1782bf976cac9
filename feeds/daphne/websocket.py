"""
One WebSocket connection of a server, between Twisted's transport and an ASGI application.

`Incoming` reads the client's frames, `Line` sends. This module opens and closes the connection,
passes messages to the application, and ends a connection that has stalled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Protocol

from twisted.internet import tcp

from clientapp.wire.closing import Close, fit_reason
from clientapp.wire.from_server import Control, Failure, Farewell
from feeds.core.form import Form
from feeds.core.frames import control_frame, frame
from feeds.core.limits import LIMITS
from feeds.core.patience import Patience, Silence
from feeds.daphne import kernel
from feeds.daphne.answers import answer
from feeds.daphne.incoming import Incoming
from feeds.daphne.line import Line
from feeds.running.mailbox import Mailbox
from feeds.websocket.frames import NORMAL, Message, Opcode, close_content, read_close
from feeds.websocket.handshake import acceptance
from feeds.websocket.state import State

ENDED = 1006
"""The code of a connection that ended without a close frame."""
FAILED = 1011
"""The close code if the application failed."""
ACCEPT_SECONDS = 20.0
"""Time for the application to accept a connection, the same as Daphne's."""
FINISH_SECONDS = 10.0
"""Time for the application to end after its connection, the same as Daphne's."""


class Host(Protocol):
    """The server of a connection."""

    def opened(self, one: WebSocket) -> None:
        """Note that the application has accepted *one*."""


class WebSocket:
    """A connection, as Twisted's transport and an ASGI application use it."""

    __slots__ = (
        "_ending",
        "_ends",
        "_events",
        "_host",
        "_incoming",
        "_key",
        "_patience",
        "_silence",
        "_since",
        "_transport",
        "form",
        "line",
        "state",
        "task",
    )

    def __init__(self, host: Host, transport: Any, key: bytes, form: Form) -> None:
        """Take Twisted's *transport* over; *key* comes from the request."""
        self.state = State.CONNECTING
        self.form = form
        """The client's form."""
        self.task: asyncio.Task[None] | None = None
        """The application, once it runs."""
        self._host = host
        self._transport = transport
        self._key = key
        self._events: Mailbox[dict[str, Any]] = Mailbox()
        """The events that the application has not received yet."""
        self._since = time.monotonic()
        """The time at which the application was asked to accept it, or the socket was closed."""
        self._ending: tuple[int, str] | None = None
        """Code and reason of the closing; None if neither side has begun it."""
        self._ends: asyncio.TimerHandle | None = None
        """The timer that runs once the client has to end the connection; None before."""
        self._patience: Patience | None = None
        """Judges progress by the byte counts; None before their first check."""
        self._silence: Silence | None = None
        """None before the first check, and for clients that get heartbeats."""
        self._incoming: Incoming | None = None
        """None before the client's first byte."""
        self.line = Line(transport, self)
        kernel.tune(transport.socket)
        self._events.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> dict[str, Any]:
        """Return the next event for the application."""
        event = await self._events.get()
        if self._incoming is not None and not self._events:
            self._incoming.handled()
        return event

    async def send(self, message: dict[str, Any]) -> None:
        """Do what the application says, unless the connection ends; raises ValueError."""
        kind = message["type"]
        if self.state >= State.CLOSING:
            return
        if kind == "websocket.accept" and self.state is State.CONNECTING:
            self._accept(message.get("subprotocol"), message.get("headers") or ())
        elif kind == "websocket.close" and self.state is State.CONNECTING:
            self.refuse(HTTPStatus.FORBIDDEN, "Access denied.")
        elif kind == "websocket.close":
            self.close(message.get("code") or NORMAL, message.get("reason") or "")
        elif kind == "websocket.send" and self.state is State.OPEN:
            text, content = message.get("text"), message.get("bytes")
            if text is not None:
                self.line.send(frame(text.encode()))
            if content is not None:
                self.line.send(_frame(Opcode.BINARY, content))
        else:
            raise ValueError(f"a connection that is {self.state.name} takes no {kind}")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  Twisted's name
        """Read more of the client's frames."""
        self._reading().receive(data)

    def connectionLost(self, _: object = None) -> None:  # noqa: N802
        """Tell the application that the socket was closed."""
        self.state, self._since = State.CLOSED, time.monotonic()
        self.line.lose()
        if self._incoming is not None:
            self._incoming.end()
        if self._ends is not None:
            self._ends.cancel()
        code, reason = self._ending or (ENDED, "")
        self._events.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})

    def check(self) -> None:
        """End a stalled connection, ping a silent one; called every other second."""
        now = time.monotonic()
        if self.state is State.OPEN:
            self._check_progress(now)
        elif self.state is State.CONNECTING and now - self._since > ACCEPT_SECONDS:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "The connection was not accepted in time.")
        elif self.state is State.CLOSED and now - self._since > FINISH_SECONDS and self.task:
            self.task.cancel()

    def farewell(self, code: Close, reason: str, retry_after: float) -> None:
        """Say goodbye and start the closing handshake."""
        if self.state is State.OPEN:
            self._tell(Farewell(code=code, reason=reason, retry_after=retry_after))
            self._ending = int(code), reason
            self.close(int(code), fit_reason(reason))

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake; *reason* has at most 123 bytes of UTF-8."""
        if self.state is State.OPEN:
            self.line.shut()
            self.line.send(_frame(Opcode.CLOSE, close_content(code, reason)))
            self._end_soon()

    def refuse(self, status: HTTPStatus, sentence: str) -> None:
        """Refuse a connection that was not accepted."""
        self._transport.write(answer(status, sentence))
        self._end_soon()
        self._hang_up()

    def fail(self, code: int, text: str) -> None:
        """Close because of an error, and read nothing more."""
        if self.state is State.CONNECTING:
            self.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed.")
        elif self.state is not State.CLOSED:
            self._ending = self._ending or (code, text)
            self.close(code, fit_reason(text))
            self._hang_up()

    def finish(self, error: BaseException | None) -> None:
        """End the connection: its application has ended, with *error* if that is not None."""
        if error is None and self.state is State.OPEN:
            self.close(NORMAL)
        else:
            self.fail(FAILED, "")

    def grown(self) -> None:
        """Stop reading if the client must wait."""
        self._reading().grown()

    def read_on(self) -> None:
        """Handle the bytes read before, then resume reading, unless the client must wait."""
        if self._incoming is not None:
            self._incoming.read_on()

    def take(self, message: Message) -> None:
        """Handle a whole message or control frame."""
        opcode, content = message
        if opcode is Opcode.CLOSE and isinstance(content, bytes):
            self._part(content)
        elif opcode is Opcode.PONG:
            pass  # TCP has confirmed our ping already
        elif opcode is Opcode.PING:
            if self.state is State.OPEN:
                self.line.send(_frame(Opcode.PONG, content))
        elif self.state is State.OPEN or self._is_draining:
            kind = "text" if opcode is Opcode.TEXT else "bytes"
            self._events.put_nowait({"type": "websocket.receive", kind: content})
            self._reading().queued(len(content))

    def break_off(self, text: str) -> None:
        """Say goodbye to a client that exceeds a limit; only its close frame matters now."""
        if self.state is State.OPEN:
            self._tell(Failure(code="too_large", text=text, retryable=False))
            self.farewell(Close.LIMIT, text, retry_after=0.0)
        self._reading().discard()

    @property
    def _is_draining(self) -> bool:
        """Whether frames that the client sent before it read the close frame still count."""
        return self._ending is not None and self._ending[0] == Close.DRAIN

    def _reading(self) -> Incoming:
        """Return the reader of the client's frames, made at first use: most never send one."""
        if self._incoming is None:
            self._incoming = Incoming(self, self._transport)
        return self._incoming

    def _accept(self, subprotocol: str | None, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self.state = State.OPEN
        answer = acceptance(self._key, subprotocol, fields)
        self.line.open(answer, is_followed=self.form.has_controls)
        self._host.opened(self)
        self.read_on()

    def _part(self, content: bytes) -> None:
        """End the connection: the client has sent a close frame with *content*."""
        code, _ = read_close(content)
        self._ending = self._ending or (code, "")
        if self.state is State.OPEN:
            self.line.shut()
            self.line.send(_frame(Opcode.CLOSE, content[:2]))
            self._end_soon()
        self._reading().ignore()
        self._transport.unregisterProducer()
        self._transport.loseConnection()

    def _check_progress(self, now: float) -> None:
        traffic = self.line.traffic(self._incoming.received if self._incoming else 0)
        self._patience = self._patience or Patience(LIMITS, traffic, now)
        if self._patience.is_over(traffic, now):
            text = f"the client read nothing and sent nothing for {LIMITS.stall_seconds:g} s"
            self.farewell(Close.STALLED, text, retry_after=0.0)
        elif not self.form.has_controls:
            # Proxies end silent connections. A pong is not awaited: TCP confirms the ping.
            seconds = LIMITS.ping_seconds
            self._silence = self._silence or Silence(seconds, traffic, now)
            if self._silence.is_over(traffic, now):
                self.line.send(_frame(Opcode.PING, b""))

    def _tell(self, control: Control) -> None:
        if self.form.has_controls:
            self.line.send(control_frame(control))

    def _end_soon(self) -> None:
        """Give the client some time to end the connection."""
        self.state = State.CLOSING
        if self._ends is None:
            self._ends = asyncio.get_running_loop().call_later(
                LIMITS.close_seconds, self._transport.abortConnection
            )

    def _hang_up(self) -> None:
        """Send nothing more; closing at once could discard bytes that the client has not read."""
        self._reading().ignore()
        self._transport.unregisterProducer()
        if isinstance(self._transport, tcp.Connection):
            self._transport.loseWriteConnection()  # type: ignore[no-untyped-call]
        else:
            self._transport.loseConnection()


def _frame(opcode: Opcode, content: bytes | str) -> bytes:
    """Return a frame with *content*."""
    data = content.encode() if isinstance(content, str) else content
    return bytes([0x80 | opcode]) + frame(data)[1:]
