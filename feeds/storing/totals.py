"""Counts of stored facts, for operators. Nothing here runs per message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clientapp.wire.closing import Close
from clientapp.wire.verdict import Verdict
from feeds.storing.facts import Closed, Fact, Opened, Outcome, Reported, Said

KNOWN_CODES = frozenset(map(int, Close)) | {1000, 1001, 1005, 1006}
"""Close codes that are counted one by one. A client may send any other."""
OTHER = "other"


@dataclass(slots=True)
class Totals:
    """The work of one recorder since its process began."""

    commits: int = 0
    failures: int = 0
    """Transactions that failed."""
    facts: int = 0
    """Facts stored, of any kind."""
    rejected: int = 0
    """Facts that were not queued, because too many waited."""
    set_aside: int = 0
    opened: int = 0
    """Connections whose opening was stored."""
    closed: Counter[str] = field(default_factory=Counter)
    """Connections whose end was stored, by close code."""
    blocks: Counter[str] = field(default_factory=lambda: Counter({str(one): 0 for one in Verdict}))
    """Reports stored for the first time, by verdict."""
    texts: int = 0

    def add(self, facts: Sequence[Fact], outcomes: Sequence[Outcome]) -> None:
        """Count the facts of a commit."""
        self.commits += 1
        for fact, outcome in zip(facts, outcomes, strict=True):
            if not outcome.kept:
                continue
            self.facts += 1
            match fact:
                case Reported():
                    if outcome.is_new and outcome.judgement:
                        self.blocks[str(outcome.judgement.verdict)] += 1
                case Opened():
                    self.opened += 1
                case Closed(code=code):
                    self.closed[str(code) if code in KNOWN_CODES else OTHER] += 1
                case Said():
                    self.texts += 1
