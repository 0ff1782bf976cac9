"""What happens to sessions, one fact at a time, on its way to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clientapp.wire.report import Report
from feeds.core.difference import Difference
from feeds.core.judgement import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A connection of a session was accepted."""

    session: str
    """The session's key."""
    client: str
    feeds: tuple[str, ...]
    block_size: int
    """0: a plain client's that did not declare one."""
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
class PlainReport:
    """A block of which only the sentence is known, and what was written to its client."""

    client: str
    """The name in the sentence; may be none that a client may have."""
    number_said: int
    seconds: float
    text: str
    """The sentence as it was said."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A client told what it received of a block that is broken."""

    session: str
    block: int
    difference: Mapping[str, Difference]
    """Per feed of the block."""


Fact = Opened | Closed | Said | Reported | Explanation


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fact."""

    kept: bool = True
    """Whether it is stored now; not so where its session is not known."""
    replaced: tuple[str, ...] = ()
    """Channel names of older connections of the same session."""
    judgement: Judgement | None = None
    """What is stored of a report, or was found now where it was removed for its
    age; None for other facts, and where the stored report has other contents:
    then that one stays."""
    number: int = 0
    """The number that a plain report got; 0 for other facts."""
    is_new: bool = False
    """Whether a report was not stored before."""
    ideal: float | None = None
    """The ideal time of a report that is new, in seconds; None: not known."""
    is_explained: bool = False
    """Whether it is known what is wrong with a broken block, or cannot be stored any more."""
