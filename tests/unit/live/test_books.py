"""When a process may declare others dead."""

from feeds.live.books import Books


def test_steady_only_after_a_while_without_a_break() -> None:
    """A break, or a failure, begins the while anew."""
    books = Books(30.0, 20.0)
    assert [books.are_steady(now) for now in (0.0, 10.0, 20.0, 30.0)] == [False] * 3 + [True]
    books.interrupt()
    assert [books.are_steady(now) for now in (40.0, 55.0, 70.0)] == [False, False, True]
    assert not books.are_steady(91.0)
    assert not books.are_steady(111.0)
    assert books.are_steady(121.0)
