"""
The incoming bytes of one connection: its client's frames, within limits.

Invariant: whatever a client does, the server keeps little in memory for it. The server stops
reading from a client that does not read its answers, that sends faster than the server handles, or
that sends more than its `Budget`. It keeps reading from a client that only lags: a kernel whose
receive buffer is full drops packets, even the acknowledgements of our data, and both ends would
hang (docs/decisions/0010-reading-from-who-lags.md).
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from feeds.core.budget import Budget
from feeds.core.limits import LIMITS
from feeds.daphne.line import Line
from feeds.websocket.frames import Bounds, Header, Message, Oversize, Reader, Violation
from feeds.websocket.state import State

REST_SECONDS = 0.1
"""Shortest pause of a client over its budget: it then costs at most ten turns a second."""
EVENT_BYTES = 512
"""Memory that a client's event takes in addition to its text."""
BOUNDS = Bounds(LIMITS.frame_bytes, LIMITS.fragments)


class Owner(Protocol):
    """The connection whose frames are read."""

    state: State
    line: Line

    def take(self, message: Message) -> None:
        """Handle a whole message or control frame."""

    def break_off(self, text: str) -> None:
        """Say goodbye to a client that exceeds a limit."""

    def fail(self, code: int, text: str) -> None:
        """Close because the client broke the protocol."""


class Incoming:
    """The frames of one client, from its first byte on."""

    __slots__ = (
        "_budget",
        "_inbox",
        "_is_deaf",
        "_owner",
        "_reader",
        "_rest_ends",
        "_transport",
        "_turn",
        "received",
    )

    def __init__(self, owner: Owner, transport: Any) -> None:
        """Read for *owner*, from Twisted's *transport*."""
        self.received = 0
        """Bytes read from the client."""
        self._owner = owner
        self._transport = transport
        self._reader = Reader(BOUNDS)
        self._budget: Budget | None = None
        """The client's budget; None before its first frame."""
        self._inbox = 0
        """Bytes received since the application had last handled every event."""
        self._is_deaf = False
        """Whether further bytes from the client are ignored."""
        self._turn = 0
        """Frames handled in this turn of the loop."""
        self._rest_ends: asyncio.TimerHandle | None = None
        """Set while the client must wait for its next turn, or for its budget."""

    def receive(self, data: bytes) -> None:
        """Take bytes that were read, and handle them once the connection is open."""
        self.received += len(data)
        if self._is_deaf:
            self._rest(REST_SECONDS)
            return
        self._reader.receive(data)
        if self._owner.state is State.CONNECTING:
            self.grown()
        else:
            self._read()

    def queued(self, size: int) -> None:
        """Note that a message of *size* bytes waits for the application."""
        self._inbox += size + EVENT_BYTES
        self.grown()

    def handled(self) -> None:
        """Note that the application has handled every event."""
        if self._inbox:
            self._inbox = 0
            self.read_on()

    def discard(self) -> None:
        """Heed only a close frame from now on."""
        self._reader.discard()

    def ignore(self) -> None:
        """Heed nothing from now on."""
        self._is_deaf = True

    def end(self) -> None:
        """Stop the timer: the socket was closed."""
        if self._rest_ends is not None:
            self._rest_ends.cancel()

    def grown(self) -> None:
        """Stop reading if the client must wait."""
        if self._must_wait():
            self._transport.pauseProducing()

    def read_on(self) -> None:
        """Handle the bytes read before, then resume reading, unless the client must wait."""
        if self._owner.state in (State.OPEN, State.CLOSING) and not self._must_wait():
            self._read()
            if not self._must_wait():
                self._transport.resumeProducing()

    def _read(self) -> None:
        """Handle the bytes read so far, within one turn."""
        self._turn = 0
        while not (self._is_deaf or self._must_wait()):
            try:
                found = self._reader.next()
            except Oversize as violation:
                self._owner.break_off(str(violation))
                continue
            except Violation as violation:
                self._owner.fail(violation.code, str(violation))
                return
            if found is None:
                return
            if isinstance(found, Header):
                self._charge(found)
            else:
                self._owner.take(found)

    def _charge(self, header: Header) -> None:
        """Charge the client for a frame of any kind."""
        now = time.monotonic()
        budget = self._budget = self._budget or Budget(LIMITS, now)
        carries = not header.opcode.is_control and (header.size > 0 or header.is_last)
        # A refused frame is not kept, so it costs only the time to read it.
        size = 0 if self._reader.discards else min(header.size, LIMITS.frame_bytes)
        budget.spend(size, now, carries=carries)
        self._turn += 1
        if budget.is_flooded:
            text = f"over {LIMITS.flood_frames} pings, pongs or empty fragments arrived too fast"
            self._owner.break_off(text)
        if seconds := budget.wait(now):
            self._rest(max(seconds, REST_SECONDS))
        elif self._turn >= LIMITS.turn_frames:
            self._rest(0.0)

    def _must_wait(self) -> bool:
        """Tell whether the client must not send more until some bytes are handled or sent."""
        if self._rest_ends is not None:
            return True
        match self._owner.state:
            case State.CONNECTING:
                return len(self._reader) >= LIMITS.inbox_bytes
            case State.OPEN:
                unsent = self._owner.line.unsent()
                return self._inbox >= LIMITS.inbox_bytes or unsent >= LIMITS.unsent_bytes
            case State.CLOSING:
                return self._inbox >= LIMITS.inbox_bytes
            case State.CLOSED:
                return False

    def _rest(self, seconds: float) -> None:
        """Read nothing from the client for *seconds*; 0: until the next turn of the loop."""
        self._transport.pauseProducing()
        if self._rest_ends is None:
            self._rest_ends = asyncio.get_running_loop().call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._rest_ends = None
        self.read_on()
