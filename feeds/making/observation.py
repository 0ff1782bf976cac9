"""
Observation of the owners of feeds, by the changes of their rows.

An owner promises twice a second, and each promise changes the feed's row. An
observer measures how long a row stays unchanged, with its own monotonic clock. It
never compares the wall clocks of hosts, so a wrong clock does not make a generator
seem dead (decision 0019).

While the database is slow, promises are late, too. So only prompt looks count: after a slow or
failed look, the observation starts again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

PROMISE_SECONDS = 0.5
"""Interval of promises: half of the time that a promise covers."""
OWNER_LOOK_SECONDS = 0.1
"""Interval of an observer that waits for a feed. It delays a takeover by up to two intervals."""
TAKEOVER_SECONDS = 2.6
"""Time without a promise after which another generator may take a feed. A generator that is
suspended for 2 s keeps its feeds: its next promise was due within `PROMISE_SECONDS`, and takes
0.1 s. The feeds of a dead one continue within 3 s (decision 0029)."""
TAKEOVER_LOOK_SECONDS = 0.75
"""Longest time between two looks of such an observer: seven of its intervals."""
SILENT_SECONDS = 3.0
"""Time without a promise after which a server calls a generator silent: a standby has
usually taken over before."""
SILENT_LOOK_SECONDS = 2.0
"""Longest time between two looks of a server: it looks every second."""
CLOCK_SAMPLES = 5
"""Promises by which the difference of a clock is judged: a single one may have been late."""


@dataclass(frozen=True, slots=True)
class Sign:
    """The values in a feed's row that its owner changes."""

    owner: int
    promised: int
    promised_us: int
    """The owner's wall time of the promise; 0: the feed was released, or never had an owner."""


class Life(Enum):
    """An observer's verdict on the owner of a feed."""

    UNKNOWN = auto()
    """It has not observed for long enough."""
    FREE = auto()
    """There is no owner: the feed was released, or never had one."""
    ALIVE = auto()
    DEAD = auto()
    """The owner has promised nothing for so long that it may be replaced."""


@dataclass(slots=True)
class _Observation:
    """The observation of one feed."""

    sign: Sign
    life: Life
    since: float
    """The monotonic time from which on each look was prompt and showed the same sign."""
    ahead: deque[float] = field(default_factory=lambda: deque(maxlen=CLOCK_SAMPLES))
    """Seconds from this host's wall time to the time of each of the last promises."""


class Observer:
    """
    Observes the owners of any feeds. It may be used in several threads.

    A verdict holds until there is evidence for another one, even while the observation starts
    again.
    """

    def __init__(
        self,
        seconds: float,
        look_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Call an owner dead after *seconds* without a promise.

        A look is prompt if it ends at most *look_seconds* after the one before.
        *clock* is monotonic; *wall* returns seconds since 1970.
        """
        self._seconds = seconds
        self._look_seconds = look_seconds
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._observations: dict[str, _Observation] = {}
        self._ended: float | None = None
        """When the last successful look ended; None before the first one."""
        self._failed = False
        """Whether a look failed since."""

    @contextmanager
    def looking(self) -> Iterator[dict[str, Sign]]:
        """
        Observe one look at the database; an error in its context makes it a failed one.

        The caller puts the sign of each feed into the mapping. Feeds that are
        missing from it are forgotten.
        """
        began = self._clock()
        found: dict[str, Sign] = {}
        try:
            yield found
        except BaseException:
            with self._lock:
                self._failed = True
            raise
        with self._lock:
            self._note(found, began, self._clock())

    def begin_anew(self) -> None:
        """Discard the silence observed so far, because the database was slow."""
        with self._lock:
            self._failed = True

    def forget(self) -> None:
        """Forget everything, as if the process had just started."""
        with self._lock:
            self._observations, self._ended, self._failed = {}, None, False

    def life(self, feed: str) -> Life:
        """Return the verdict on the owner of *feed*."""
        with self._lock:
            found = self._observations.get(feed)
            return found.life if found else Life.UNKNOWN

    def sign(self, feed: str) -> Sign | None:
        """Return the last sign of *feed*; None if the last look did not find it."""
        with self._lock:
            found = self._observations.get(feed)
            return found.sign if found else None

    def ahead(self, feed: str) -> float | None:
        """
        Return how far the clock of the feed's owner is ahead of this host's, in seconds.

        Promises are seen late, so the true difference is this or up to about a second
        more. None if too few promises were seen to tell.
        """
        with self._lock:
            found = self._observations.get(feed)
            if found is None or len(found.ahead) < CLOCK_SAMPLES:
                return None
            return max(found.ahead)

    def unseen_seconds(self) -> float:
        """Return the seconds since the last successful look; 0 before the first one."""
        with self._lock:
            return 0.0 if self._ended is None else self._clock() - self._ended

    def _note(self, found: dict[str, Sign], began: float, ended: float) -> None:
        if self._ended is not None and began < self._ended:
            return  # another thread has looked since, and may have seen newer signs
        before = began if self._ended is None else self._ended
        is_prompt = not self._failed and ended - before <= self._look_seconds
        self._ended, self._failed = ended, False
        known, self._observations = self._observations, {}
        for feed, sign in found.items():
            old = known.get(feed)
            self._observations[feed] = (
                _Observation(sign, Life.UNKNOWN if sign.promised_us else Life.FREE, ended)
                if old is None
                else self._next(old, sign, began, ended, is_prompt=is_prompt)
            )

    def _next(
        self, old: _Observation, sign: Sign, began: float, ended: float, *, is_prompt: bool
    ) -> _Observation:
        if sign != old.sign:
            if is_prompt and sign.owner == old.sign.owner and sign.promised_us:
                old.ahead.append(sign.promised_us / 1e6 - self._wall())
            elif sign.owner != old.sign.owner:
                old.ahead.clear()
            life = Life.ALIVE if sign.promised_us else Life.FREE
            return _Observation(sign, life, ended, old.ahead)
        if not is_prompt:
            old.since = ended
        elif sign.promised_us and began - old.since >= self._seconds:
            old.life = Life.DEAD
        return old


OBSERVER = Observer(SILENT_SECONDS, SILENT_LOOK_SECONDS)
"""The observer of this process, for its pages and its clients."""
