"""When a process may declare others dead."""

import pytest

from feeds.storing.books import Books

WALL = 1_795_000_000.0


def keep(books: Books, *times: float, wall: float = WALL) -> list[bool]:
    """Keep the books at each of *times*; return whether they were steady."""
    return [books.are_steady(now, wall + now) for now in times]


def test_steady_only_after_a_while_without_a_break() -> None:
    """A break, or a failure, begins the while anew."""
    books = Books(30.0, 20.0)
    assert keep(books, 0.0, 10.0, 20.0, 30.0) == [False] * 3 + [True]
    books.interrupt()
    assert keep(books, 40.0, 55.0, 70.0) == [False, False, True]
    assert keep(books, 91.0, 111.0, 121.0) == [False, False, True]


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_clock_that_was_set_begins_the_while_anew(step: float) -> None:
    """What others wrote by the clock before says nothing about them."""
    books = Books(30.0, 20.0)
    assert keep(books, 0.0, 15.0, 30.0) == [False, False, True]
    assert keep(books, 40.0, 55.0, 69.0, wall=WALL + step) == [False] * 3
    assert keep(books, 70.0, wall=WALL + step) == [True]
