"""A look whose answer is shared by requests in quick succession."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from feeds.pages.shared import Shared
from tools.waiting import PATIENCE_SECONDS


class Hands:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def counting() -> Callable[[], int]:
    """Return a look that counts its calls."""
    found = iter(range(1, 100))
    return lambda: next(found)


def test_answer_is_shared_for_its_time() -> None:
    """Within the given time every call gets one answer; afterwards there is a new one."""
    clock = Hands()
    shared = Shared(counting(), seconds=1.0, clock=clock)
    assert (shared.get(), shared.get()) == (1, 1)
    clock.now += 0.999
    assert shared.get() == 1
    clock.now += 0.001
    assert shared.get() == 2


def test_slow_answer_is_shared_for_longer() -> None:
    """Looks take a bounded part of the time, however slow they are."""
    clock = Hands()
    found = counting()

    def look() -> int:
        clock.now += 0.5
        return found()

    shared = Shared(look, seconds=1.0, rest=20, clock=clock)
    assert shared.get() == 1
    clock.now += 9.75
    assert shared.get() == 1
    clock.now += 0.25
    assert shared.get() == 2


def test_slow_failure_is_not_shared_for_longer() -> None:
    """A database that returns after a long failure is found by the next look."""
    clock = Hands()
    found = iter([LookupError("away"), None])

    def look() -> str:
        clock.now += 5
        if error := next(found):
            raise error
        return "back"

    shared = Shared(look, seconds=1.0, rest=20, clock=clock)
    with pytest.raises(LookupError, match="away"):
        shared.get()
    clock.now += 1
    assert shared.get() == "back"


def test_forgotten_answer_is_looked_up_again() -> None:
    """A forgotten answer is not returned again."""
    shared = Shared(counting(), seconds=1.0, clock=Hands())
    shared.get()
    shared.forget()
    assert shared.get() == 2


def test_failure_is_shared() -> None:
    """While a look fails, one request looks and the others get the same error."""
    clock = Hands()
    asked: list[float] = []

    def fail() -> int:
        asked.append(clock.now)
        raise LookupError("away")

    shared = Shared(fail, seconds=1.0, clock=clock)
    for _ in range(3):
        with pytest.raises(LookupError, match="away"):
            shared.get()
    assert asked == [100.0]
    clock.now += 1
    with pytest.raises(LookupError):
        shared.get()
    assert asked == [100.0, 101.0]


def test_concurrent_requests_share_one_look() -> None:
    """Threads that ask at the same time get the answer of one look."""
    start = threading.Barrier(8)
    look = counting()
    shared = Shared(look, seconds=1.0, clock=Hands())
    answers: list[int] = []

    def ask() -> None:
        start.wait(PATIENCE_SECONDS)
        answers.append(shared.get())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert answers == [1] * 8
