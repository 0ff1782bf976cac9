"""The progress of a generator, which updates it for the terminal to show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

BATCHES_KEPT = 10_000
"""Batches in the percentiles: the last minutes of a fast feed, in 300 KB."""


class State(StrEnum):
    """The state of a generator, in a word or two."""

    STARTING = "starting"
    """It is taking the feed, or making its first promise."""
    STANDBY = "standby"
    """Another process generates the feed; this one takes over if that stops."""
    RUNNING = "running"
    OFF = "switched off"
    """The feed is switched off in the admin; the generator waits until it is on."""
    NO_DATABASE = "no database"
    """It waits for the database, without which it cannot promise."""


@dataclass(slots=True)
class Progress:
    """The progress of a generator."""

    feed: str
    state: State = State.STARTING
    rate: float = 0.0
    """Messages per second, as scheduled."""
    offset: int = 0
    """The last offset published; 0: none yet."""
    published: int = 0
    """Messages published by this generator."""
    failures: int = 0
    """Batches that the channel layer did not accept."""
    latenesses: deque[float] = field(default_factory=lambda: deque(maxlen=BATCHES_KEPT))
    """Latenesses of the last batches: seconds from the intended time of the oldest
    message in a batch to the end of its push."""

    def add(self, offset: int, messages: int, lateness: float) -> None:
        """Count a batch of *messages* that ends at *offset*."""
        self.offset = offset
        self.published += messages
        self.latenesses.append(lateness)

    def lateness(self, percent: int) -> float:
        """
        Return a percentile of the kept latenesses, in seconds, by nearest rank.

        Raises ValueError if nothing was published.
        """
        if not self.latenesses:
            raise ValueError("nothing was published")
        ordered = sorted(self.latenesses)
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
