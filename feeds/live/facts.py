"""What happens to sessions, one fact at a time, on its way to the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from clientapp.wire.from_client import Report
from clientapp.wire.sentence import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection of a session was accepted."""

    session: str
    """The session's key."""
    client: str
    feeds: tuple[str, ...]
    block_size: int
    server: str
    channel: str
    peer: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A connection ended."""

    session: str
    channel: str
    code: int
    reason: str
    left: bool
    """Whether the client said it leaves for good."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A client sent a text of its own."""

    session: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A client reported a block."""

    session: str
    report: Report | Sentence
    clients: int
    """Connections of this process at that time."""
    at: datetime


Fact = Opened | Closed | Said | Reported
