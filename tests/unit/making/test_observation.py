"""Observation of owners: only changes count, on the observer's own clock."""

from __future__ import annotations

import math

import pytest

from feeds.making.observation import (
    CLOCK_SAMPLES,
    OWNER_LOOK_SECONDS,
    PROMISE_SECONDS,
    TAKEOVER_LOOK_SECONDS,
    TAKEOVER_SECONDS,
    Life,
    Observer,
    Sign,
)

SECONDS, LOOK_SECONDS = 2.0, 0.75
APART = 0.25
"""Seconds between two looks."""


class Scene:
    """A feed, an observer, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 1_790_000_000.0
        self.observer = Observer(
            SECONDS, LOOK_SECONDS, clock=lambda: self.now, wall=lambda: self.wall
        )
        self.sign = Sign(owner=1, promised=10, promised_us=5)

    def look(self, after: float = APART, *, takes: float = 0.0) -> Life:
        """Look once, *after* some seconds; return the verdict."""
        self.now += after
        with self.observer.looking() as found:
            found["users"] = self.sign
            self.now += takes
        return self.observer.life("users")

    def promise(self, promised_us: int | None = None) -> None:
        """Change the row as its owner does."""
        promised_us = self.sign.promised_us + 1 if promised_us is None else promised_us
        self.sign = Sign(self.sign.owner, self.sign.promised + 1, promised_us)


@pytest.fixture
def scene() -> Scene:
    """Give a test a feed that was never looked at."""
    return Scene()


def test_first_look_tells_nothing_of_an_owner(scene: Scene) -> None:
    """One look cannot tell whether the owner lives, whatever the time of the last promise is."""
    assert scene.observer.life("users") is Life.UNKNOWN
    assert scene.look() is Life.UNKNOWN


def test_released_feed_is_free_at_once(scene: Scene) -> None:
    """A feed without an owner is free at once."""
    scene.sign = Sign(owner=1, promised=10, promised_us=0)
    assert scene.look() is Life.FREE
    scene.promise()
    assert scene.look() is Life.ALIVE
    scene.promise(0)
    assert scene.look() is Life.FREE


@pytest.mark.parametrize("step", [1, 0, -3_600_000_000])
def test_change_is_life(scene: Scene, step: int) -> None:
    """A promise in the past, or at the same time as the one before, is a sign of life, too."""
    scene.look()
    for _ in range(20):
        scene.promise(scene.sign.promised_us + step or 1)
        assert scene.look() is Life.ALIVE


def test_unchanged_row_is_dead_after_the_limit(scene: Scene) -> None:
    """The limit counts from the end of the first look to the beginning of the last one."""
    scene.look()
    for _ in range(7):
        assert scene.look() is Life.UNKNOWN
    assert scene.look() is Life.DEAD


def test_promise_begins_anew(scene: Scene) -> None:
    """Silence counts from the last promise, and a dead owner that promises is alive."""
    for _ in range(5):
        scene.look()
    scene.promise()
    for _ in range(8):
        assert scene.look() is Life.ALIVE
    assert scene.look() is Life.DEAD
    scene.promise()
    assert scene.look() is Life.ALIVE


def test_new_owner_begins_anew(scene: Scene) -> None:
    """Another owner of the feed has the whole limit for its first promise."""
    for _ in range(9):
        scene.look()
    scene.sign = Sign(owner=2, promised=10, promised_us=9)
    for _ in range(8):
        assert scene.look() is Life.ALIVE
    assert scene.look() is Life.DEAD


@pytest.mark.parametrize(("after", "takes"), [(APART, 0.7), (0.8, 0.0)])
def test_slow_look_begins_anew(scene: Scene, after: float, takes: float) -> None:
    """A database that was slow to the observer may have been slow to the owner."""
    for _ in range(20):
        for _ in range(7):
            assert scene.look() is Life.UNKNOWN
        assert scene.look(after, takes=takes) is Life.UNKNOWN


def test_failed_look_begins_anew(scene: Scene) -> None:
    """Silence does not count while the database does not answer."""
    for _ in range(20):
        for _ in range(7):
            assert scene.look() is Life.UNKNOWN
        with pytest.raises(OSError, match="away"), scene.observer.looking():
            raise OSError("away")


def test_verdict_holds_until_there_is_another(scene: Scene) -> None:
    """A failed look neither revives a dead owner nor kills a living one."""
    scene.look()
    scene.promise()
    scene.look()
    for expected in (Life.ALIVE, Life.DEAD):
        scene.observer.begin_anew()
        for _ in range(7):
            assert scene.look() is expected
        scene.look()
        scene.look()


def test_look_of_another_thread_counts_once(scene: Scene) -> None:
    """A look that was overtaken by another one saw an older sign, which is not a change."""
    scene.look()
    scene.promise()
    older = scene.sign
    with scene.observer.looking() as late:
        scene.promise()
        assert scene.look() is Life.ALIVE
        late["users"] = older
    assert scene.observer.sign("users") == scene.sign


def test_feed_that_is_not_found_is_forgotten(scene: Scene) -> None:
    """A feed that was removed has nothing in common with a later one of the same name."""
    for _ in range(10):
        scene.look()
    with scene.observer.looking():
        pass
    assert scene.observer.life("users") is Life.UNKNOWN
    assert scene.observer.sign("users") is None


@pytest.mark.parametrize("ahead", [-40, -5, 0, 5, 40])
def test_clock_of_the_owner_is_compared(scene: Scene, ahead: int) -> None:
    """The difference comes from the promise that was seen soonest, and changes no verdict."""
    scene.look()
    for number in range(2 * CLOCK_SAMPLES):
        assert scene.observer.ahead("users") is None or number >= CLOCK_SAMPLES
        scene.wall += 0.5
        age = 0.1 + number % 4 * 0.3
        scene.promise(round((scene.wall + ahead - age) * 1e6))
        assert scene.look() is Life.ALIVE
    assert scene.observer.ahead("users") == pytest.approx(ahead - 0.1, abs=1e-5)


def test_old_promise_says_nothing_about_a_clock(scene: Scene) -> None:
    """The first promise that is seen, and one after a slow look, may have been made long ago."""
    scene.look()
    for _ in range(2 * CLOCK_SAMPLES):
        scene.promise()
        scene.look(after=1.0)
    assert scene.observer.ahead("users") is None


def test_time_without_a_look_is_known(scene: Scene) -> None:
    """The time counts from the last look that succeeded."""
    assert scene.observer.unseen_seconds() == 0
    scene.look()
    scene.now += 7
    with pytest.raises(OSError, match="away"), scene.observer.looking():
        raise OSError("away")
    assert scene.observer.unseen_seconds() == 7


STANDS_STILL_SECONDS = 2.0
"""Time for which a generator may stand still and keep its feeds."""
LOOK_TAKES, PROMISE_TAKES, TAKING_TAKES = 0.01, 0.05, 0.1
"""Seconds of a look, of a promise, and from a verdict to the first message."""
PHASES = [phase * OWNER_LOOK_SECONDS / 10 for phase in range(10)]
"""Seconds from a look to a promise."""


def silence(phase: float, standstill: float) -> float | None:
    """
    Return the seconds from an owner's last promise until it is called dead; None: never.

    The owner promises *phase* seconds after a look. It stands still for *standstill* seconds
    just before its next promise.
    """
    now, promised = 100.0, 1
    observer = Observer(TAKEOVER_SECONDS, TAKEOVER_LOOK_SECONDS, clock=lambda: now)
    last = now + phase
    following = last + PROMISE_SECONDS + standstill + PROMISE_TAKES
    while now < following + OWNER_LOOK_SECONDS and now < last + 10:
        promised = 1 + (now >= last) + (now >= following)
        with observer.looking() as found:
            found["users"] = Sign(owner=1, promised=promised, promised_us=promised)
            now += LOOK_TAKES
        if observer.life("users") is Life.DEAD:
            return now - last
        now += OWNER_LOOK_SECONDS
    return None


@pytest.mark.parametrize("phase", PHASES)
def test_dead_owner_is_replaced_within_three_seconds(phase: float) -> None:
    """Even at the worst instant, a feed continues within 3 s of its dead owner's last promise."""
    seconds = silence(phase, math.inf)
    assert seconds is not None
    assert seconds + TAKING_TAKES < 3


@pytest.mark.parametrize("phase", PHASES)
def test_generator_that_stands_still_keeps_its_feed(phase: float) -> None:
    """An owner that stands still for 2 s right before a promise is not called dead."""
    assert silence(phase, STANDS_STILL_SECONDS) is None
