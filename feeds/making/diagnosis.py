"""
The condition of a feed, with the reason if its messages are late or missing.

A server judges by its own observations: `feeds.making.observation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from feeds.core import notices
from feeds.making.observation import OBSERVER, Life, Observer
from feeds.running.outages import OUTAGES

CLOCK_SECONDS = 3.0
"""Largest difference of a generator's clock that is not reported: promises delayed by a slow
database look the same, and after this time their generator counts as silent."""
BEHIND_SECONDS = 2.0
"""Largest delay of messages that is not reported: a server that regenerates messages that were
not pushed is up to 1.5 s late."""
UNANSWERED_SECONDS = 5.0
"""Time without an answer of the database after which a server reports it: several polls."""
STORING = "recorder"
"""The outage of a server that cannot store: a generator cannot promise then, either."""


class Condition(StrEnum):
    """The condition of a feed, in a word or two."""

    RUNNING = "running"
    BEHIND = "behind"
    """It is promised in time, but its messages arrive late."""
    CLOCK = "clock differs"
    """It runs, but its generator's clock differs from this host's."""
    NO_DATABASE = "no database"
    """It waits for the database, which does not answer, or accepts no change."""
    SILENT = "silent"
    """Its generator promises nothing, but did not release it."""
    STOPPED = "stopped"
    """Its generator released it."""
    NOT_STARTED = "not started"
    """It never had a generator."""
    OFF = "switched off"
    REMOVED = "removed"


RUNNING = (Condition.RUNNING, Condition.BEHIND, Condition.CLOCK)
"""The conditions in which messages arrive."""
SENTENCES: dict[Condition, Callable[[str, float], str]] = {
    Condition.RUNNING: lambda feed, _: notices.running(feed),
    Condition.BEHIND: notices.behind,
    Condition.CLOCK: notices.clock_differs,
    Condition.NO_DATABASE: lambda feed, _: notices.no_database(feed),
    Condition.SILENT: lambda feed, _: notices.silent(feed),
    Condition.STOPPED: lambda feed, _: notices.stopped(feed),
    Condition.NOT_STARTED: lambda feed, _: notices.never_started(feed),
    Condition.OFF: lambda feed, _: notices.switched_off(feed),
    Condition.REMOVED: lambda feed, _: notices.removed(feed),
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The condition of a feed."""

    feed: str
    condition: Condition
    seconds: float = 0.0
    """The delay if it is behind; how far the generator's clock is ahead if that differs."""
    is_known: bool = True
    """Whether it was observed for long enough; until then a feed with an owner counts as
    running."""

    @property
    def is_running(self) -> bool:
        """Whether messages arrive."""
        return self.condition in RUNNING

    @property
    def sentence(self) -> str:
        """The condition as a sentence, with what to do if something is wrong."""
        return SENTENCES[self.condition](self.feed, self.seconds)


class Delays:
    """The seconds by which the newest messages in this process are late, by feed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}


DELAYS = Delays()
"""The delays in this process, for its pages."""


def diagnose(
    feed: str,
    *,
    enabled: bool,
    promised: int,
    removed: bool = False,
    observer: Observer = OBSERVER,
) -> Diagnosis:
    """Return the condition of *feed*, which is *promised* up to an offset, as observed so far."""
    life, ahead = observer.life(feed), observer.ahead(feed)
    late = DELAYS.seconds.get(feed, 0.0)
    condition, seconds = Condition.RUNNING, 0.0
    if removed:
        condition = Condition.REMOVED
    elif not enabled:
        condition = Condition.OFF
    elif observer.unseen_seconds() > UNANSWERED_SECONDS:
        condition = Condition.NO_DATABASE
    elif life is Life.FREE:
        condition = Condition.STOPPED if promised else Condition.NOT_STARTED
    elif life is Life.DEAD:
        is_out = STORING in OUTAGES.current()
        condition = Condition.NO_DATABASE if is_out else Condition.SILENT
    elif ahead is not None and abs(ahead) > CLOCK_SECONDS:
        condition, seconds = Condition.CLOCK, ahead
    elif ahead is not None and late and late + ahead > BEHIND_SECONDS:
        # By the generator's clock: a difference of the clocks is not a delay.
        condition, seconds = Condition.BEHIND, late + ahead
    is_known = condition is not Condition.RUNNING or life is Life.ALIVE
    return Diagnosis(feed, condition, seconds, is_known)
