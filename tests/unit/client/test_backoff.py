"""How long to wait before the next try."""

from itertools import islice

from clientapp.core.backoff import backoff


def test_ceiling_doubles_up_to_the_cap() -> None:
    """The longest wait doubles from a quarter of a second to ten, and stays."""
    assert list(islice(backoff(lambda: 1.0), 8)) == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_full_jitter() -> None:
    """A wait is anywhere between nothing and the ceiling."""
    numbers = iter([0.0, 0.5, 0.25])
    assert list(islice(backoff(lambda: next(numbers)), 3)) == [0, 0.25, 0.25]
