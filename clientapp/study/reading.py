"""What reading came to, whatever was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clientapp.core.analysis.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Trials, and what must be known about them."""

    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()
    """Sentences about how the figures came about, and what was left out."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the load side said of itself, for the manifest."""
