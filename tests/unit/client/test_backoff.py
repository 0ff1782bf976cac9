"""The pauses between connection attempts."""

from itertools import islice

from clientapp.core.backoff import backoff


def test_ceiling_doubles_up_to_the_cap() -> None:
    """The longest pause doubles from 0.25 s up to 10 s and then stays there."""
    assert list(islice(backoff(lambda: 1.0), 8)) == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_full_jitter() -> None:
    """A pause is drawn between zero and the ceiling."""
    numbers = iter([0.0, 0.5, 0.25])
    assert list(islice(backoff(lambda: next(numbers)), 3)) == [0, 0.25, 0.25]
