"""The conditions under which a process may declare others dead."""

import pytest

from feeds.storing.books import Books

WALL = 1_795_000_000.0


def keep(books: Books, *times: float, wall: float = WALL) -> list[bool]:
    """Mark at each of *times*; return for each whether there was no break for long enough."""
    return [books.are_steady(now, wall + now) for now in times]


def test_books_are_steady_after_an_unbroken_period() -> None:
    """A break or a failure starts the period again."""
    books = Books(30.0, 20.0)
    assert keep(books, 0.0, 10.0, 20.0, 30.0) == [False] * 3 + [True]
    books.interrupt()
    assert keep(books, 40.0, 55.0, 70.0) == [False, False, True]
    assert keep(books, 91.0, 111.0, 121.0) == [False, False, True]


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_step_of_the_clock_restarts_the_period(step: float) -> None:
    """Entries that others wrote by the previous clock do not count."""
    books = Books(30.0, 20.0)
    assert keep(books, 0.0, 15.0, 30.0) == [False, False, True]
    assert keep(books, 40.0, 55.0, 69.0, wall=WALL + step) == [False] * 3
    assert keep(books, 70.0, wall=WALL + step) == [True]
