"""What reading a whole block log comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.session import Session
from .blockcheck import BlockCheck

MAX_KEPT = 20
"""Findings kept of each kind: one damaged place may show in many lines."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one place in a log."""

    line: int
    """From 1."""
    byte: int
    """Where that line begins, from 0."""
    text: str


@dataclass(slots=True)
class Notes:
    """The first findings of one kind, and how many there are."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, finding: Finding) -> None:
        """Count a finding; keep it if it is one of the first."""
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(finding)


@dataclass(slots=True)
class SessionSummary:
    """What a log holds of one session."""

    asked: Session
    blocks: int = 0
    messages: int = 0
    gaps: int = 0
    """Offsets that the log says will not come."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Blocks by what the server found; those without a verdict are left out."""
    started_at: int | None = None
    """Receipt of the first message, microseconds since 1970; None: no message."""
    finished_at: int | None = None
    """Receipt of the last message."""

    def add(self, check: BlockCheck) -> None:
        """Count a block that was read to its end line."""
        self.blocks += 1
        self.messages += check.messages
        self.gaps += check.gaps
        if self.started_at is None:
            self.started_at = check.started_at
        if check.finished_at is not None:
            self.finished_at = check.finished_at


@dataclass(slots=True)
class Findings:
    """What is in a log, and what is wrong with it."""

    sessions: list[SessionSummary] = field(default_factory=list)
    faults: Notes = field(default_factory=Notes)
    warnings: Notes = field(default_factory=Notes)
    """What is odd and yet may be true: clocks can be set."""
    torn_bytes: int = 0
    """What follows the last whole block or session line; the next start cuts it off."""

    @property
    def is_whole(self) -> bool:
        """Whether the log has no fault; a torn tail is none."""
        return self.faults.count == 0
