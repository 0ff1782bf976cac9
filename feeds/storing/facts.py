"""Facts: events of sessions that the database is to store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clientapp.wire.report import Report
from feeds.core.difference import Difference
from feeds.core.judgement import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection of a session was accepted."""

    session: str
    """The stored form of the session's key (`feeds.core.keys`), as in all facts."""
    client: str
    feeds: tuple[str, ...]
    block_size: int
    """0: a plain client that did not declare one."""
    server: str
    channel: str
    peer: str
    at: datetime
    clock: float = field(default_factory=time.monotonic)
    """The same time by the monotonic clock of the server's host, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A connection ended."""

    session: str
    channel: str
    code: int
    reason: str
    left: bool
    """Whether the client said goodbye for good."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A connection that is stored as lost or replaced is still served."""

    session: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A client sent a text of its own."""

    session: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainReport:
    """A block known only by its sentence and by the number of messages written to its client."""

    client: str
    """The name in the sentence; not necessarily a valid client name."""
    number_said: int
    seconds: float
    text: str
    """The sentence as received."""
    size: int
    """Messages in the block, as far as the server knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A client reported a block."""

    session: str
    report: Report | PlainReport
    judgement: Judgement
    clients: int
    """Connections of this process at that time."""
    at: datetime
    is_timed: bool = True
    """Whether its times can be true; if not, figures leave it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The difference of a broken block, computed from its client's explanation."""

    session: str
    block: int
    difference: Mapping[str, Difference]
    """The difference that the server found, per feed of the block."""


Fact = Opened | Closed | Reopened | Said | Reported | Explanation


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one fact."""

    kept: bool = True
    """Whether it is stored now; False if its session is unknown, or if it was set aside."""
    replaced: tuple[str, ...] = ()
    """Channel names of older connections of the same session; of a `Reopened`, its own if
    it stays ended."""
    judgement: Judgement | None = None
    """The stored judgement on a report, or the new one if the report was removed for its
    age. None for other facts, and if the stored report has other contents: then the
    stored report stays."""
    number: int = 0
    """The number assigned to a plain report; 0 for other facts."""
    is_new: bool = False
    """Whether a report is stored for the first time."""
    ideal: float | None = None
    """The ideal time of a new report, in seconds; None if unknown."""
    is_explained: bool = False
    """Whether a broken block needs no explanation: one is stored, or none can be stored."""
