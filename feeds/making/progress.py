"""How far a generator is, for people: kept by the generator, read by who shows it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

BATCHES_KEPT = 10_000
"""Batches behind the percentiles: the last minutes of a fast feed, for 300 KB."""


class State(StrEnum):
    """What a generator does with its feed, in a word or two."""

    STARTING = "starting"
    """It takes the feed, or makes its first promise."""
    RUNNING = "running"
    OFF = "switched off"
    """The feed is, in the admin; the generator waits until it is switched on."""
    NO_DATABASE = "no database"
    """It waits for the database, without which it may promise nothing."""


@dataclass(slots=True)
class Progress:
    """How far a generator is."""

    feed: str
    state: State = State.STARTING
    rate: float = 0.0
    """Messages per second, as scheduled."""
    offset: int = 0
    """The last offset published; 0: none yet."""
    published: int = 0
    """Messages published by this generator."""
    failures: int = 0
    """Batches that the channel layer did not take."""
    latenesses: deque[float] = field(default_factory=lambda: deque(maxlen=BATCHES_KEPT))
    """Of the last batches: seconds from the intended time of the oldest message
    in it to the end of its push."""

    def add(self, offset: int, messages: int, lateness: float) -> None:
        """Count a batch of *messages* that ends at *offset*."""
        self.offset = offset
        self.published += messages
        self.latenesses.append(lateness)

    def lateness(self, percent: int) -> float:
        """
        Return what *percent* of the kept latenesses do not exceed, in seconds.

        By nearest rank. Raises ValueError where nothing was published.
        """
        if not self.latenesses:
            raise ValueError("nothing was published")
        ordered = sorted(self.latenesses)
        return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
