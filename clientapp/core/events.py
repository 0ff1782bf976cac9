"""
The events of a client, and the interface of their observers.

``NAME`` is the ``event`` of ``--json``; the fields are its other members.
Texts from the server are unchanged; the observer must escape them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..wire.report import Clock, FeedRange, Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The server sent its welcome."""

    NAME: ClassVar[str] = "connected"
    url: str
    client: str
    session: str
    """The printable prefix of the session's key."""
    feeds: tuple[str, ...]
    block_size: int
    blocks: int
    """The number of this session's last block that the server has stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """There is no connection; the client retries after some seconds."""

    NAME: ClassVar[str] = "waiting"
    url: str
    reason: str
    seconds: float
    attempt: int
    """Number of the attempt since the last good connection, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A connection was lost after its welcome."""

    NAME: ClassVar[str] = "disconnected"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One new message, with the members that are kept."""

    NAME: ClassVar[str] = "message"
    feed: str
    offset: int
    at: int
    received_at: int
    """Wall time of the receipt, microseconds since 1970."""
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A block is complete and written to the log."""

    NAME: ClassVar[str] = "block"
    block: int
    text: str
    feeds: Mapping[str, FeedRange]
    size: int
    seconds: float
    started_at: int
    """Receipt of the first message, microseconds since 1970."""
    latency: Latency
    clock: Clock | None
    """The correction of the latency; None: it is by the client's own clock."""
    interrupted: bool
    bytes: int
    """The size of the block in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The server has stored the report of a block, or explains its verdict."""

    NAME: ClassVar[str] = "ack"
    block: int
    verdict: str
    """``verified``, ``broken`` or ``unverifiable``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Offsets of a feed that will never arrive; if last is first - 1, no message is lost."""

    NAME: ClassVar[str] = "gap"
    feed: str
    first: int
    last: int
    epoch: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """The server sent a sentence for the person at the client."""

    NAME: ClassVar[str] = "notice"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something is wrong, but the client continues."""

    NAME: ClassVar[str] = "warning"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The run is over."""

    NAME: ClassVar[str] = "summary"
    blocks: int
    interrupted: int
    """The blocks around a reconnect or catch-up."""
    messages: int
    reconnects: int
    gaps: int
    """Offsets that did not arrive."""
    duplicates: int
    verdicts: Mapping[str, int]
    """Number of blocks per verdict; blocks without one are not counted."""
    unfinished: int
    """Messages of an incomplete block; the next start receives them again."""
    unacknowledged: int
    """Reports that the next start sends again."""
    latency: Latency | None
    """Of the last messages in blocks that were not interrupted; None: no such block."""
    clock: Clock | None
    """The last clock offset and the largest error; None: the client's own clock."""
    log: str


Event = (
    Connected
    | Waiting
    | Disconnected
    | Received
    | Completed
    | Acknowledged
    | Missed
    | Noticed
    | Warned
    | Summary
)


class Observer(Protocol):
    """A terminal, a program or statistics that receive a client's events."""

    def show(self, event: Event) -> None:
        """Handle *event*; may raise CouldNot, which ends the client."""
