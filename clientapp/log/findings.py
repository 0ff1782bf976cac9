"""The result of verifying a whole block log."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.session import Session
from ..core.verdicts import Verdicts
from .blockcheck import CheckedBlock
from .parse import LoggedVerdict
from .scanner import Fault, Finding, Oddity, Part, Remark

MAX_KEPT = 20
"""The most findings of each kind that are kept: one damaged place can affect many lines."""


@dataclass(slots=True)
class Notes:
    """The first findings of one kind, and the total number."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, finding: Finding) -> None:
        """Count a finding; keep it if it is one of the first."""
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(finding)


@dataclass(slots=True)
class SessionSummary:
    """A summary of one session's blocks in a log."""

    asked: Session
    blocks: int = 0
    messages: int = 0
    gaps: int = 0
    """Offsets that its gaps name."""
    rollbacks: int = 0
    """Number of times that the server's history of a feed was rolled back."""
    verdicts: dict[str, int] = field(default_factory=dict)
    """Number of blocks per verdict; blocks without one are not counted."""
    started_at: int | None = None
    """Receipt of the first message, microseconds since 1970; None: no message."""
    finished_at: int | None = None
    """Receipt of the last message."""

    def add(self, block: CheckedBlock) -> None:
        """Count a block that was read to its end line."""
        self.blocks += 1
        self.messages += block.messages
        self.gaps += block.gaps
        self.rollbacks += block.rollbacks
        if self.started_at is None:
            self.started_at = block.started_at
        if block.finished_at is not None:
            self.finished_at = block.finished_at


@dataclass(slots=True)
class Findings:
    """The sessions of a log, and its faults."""

    sessions: list[SessionSummary] = field(default_factory=list)
    faults: Notes = field(default_factory=Notes)
    warnings: Notes = field(default_factory=Notes)
    """Findings that are odd but may be correct: clocks can be set."""
    remarks: Notes = field(default_factory=Notes)
    """Explanations of lines of the log; they are not faults."""
    torn_bytes: int = 0
    """Bytes after the last whole block or line; the next start cuts them off."""
    _verdicts: Verdicts = field(default_factory=lambda: Verdicts({}), compare=False)

    def take(self, part: Part) -> None:
        """Count the next part of the log."""
        match part:
            case Session():
                summary = SessionSummary(part)
                self.sessions.append(summary)
                self._verdicts = Verdicts(summary.verdicts)
            case CheckedBlock():
                self.sessions[-1].add(part)
            case LoggedVerdict():
                self._verdicts.take(part.block, part.verdict)
            case Fault():
                self.faults.add(part)
            case Oddity():
                self.warnings.add(part)
            case Remark():
                self.remarks.add(part)

    @property
    def is_whole(self) -> bool:
        """Whether the log has no fault; a torn tail is not a fault."""
        return self.faults.count == 0
